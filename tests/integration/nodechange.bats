#!/usr/bin/env bats
# Nodes come, go, and change their names while the cluster runs; another one becomes
# the publisher. One cluster for the file; the tests build on each other.

setup_file() {
	load helper
	make_cluster
	third_node
	start_cluster
}

setup() {
	load helper
	password=$dir/secret/admin-password
	conf=$dir/etc/cluster.conf
}

teardown_file() {
	load helper
	demo_nodes+=(test10new)
	remove_cluster
}

# A further server, which the cluster does not know yet.
third_node() {
	install -d -m 0755 "$dir/node/test10new"
	install -d -m 0755 -o itlkeeper-front -g itlkeeper-front "$dir/tftp/test10new"
	demo_ports | head -n 1 >"$dir/node/test10new/port"
	echo "$dir/tftp/test10new" >"$dir/node/test10new/folder"
	"$dir/bin/tftp" start "$dir/node/test10new"
}

add_third() { # ARG...
	ctl --password-file "$password" node add n3 --host test10new \
		--address 127.0.0.1 --folder "$dir/tftp/test10new" \
		--tftp-port "$(<"$dir/node/test10new/port")" \
		--restart "$dir/bin/tftp restart $dir/node/test10new" "$@"
}

served() { # NODE: SHA-1 of what a phone gets there
	curl -s "tftp://127.0.0.1:$(<"$dir/node/$1/port")/ITLFile.tlv" | sha1sum | cut -d' ' -f1
}

phone() { # NODE STATE ARG...
	local port
	port=$(<"$dir/node/$1/port")
	"$dir/bin/itlphone" reset --state "$dir/phones.d/$2" --count 1 \
		--mac 001122330$((16#${2: -1}))00 --server 127.0.0.1 --tftp-port "$port" "${@:3}"
}

runs() { # the configuration that both run
	# itlctl would not read a bad file either.
	ask_front "$dir" '{"do":"status"}' 2>/dev/null |
		jq -er ".result | select(.config == .keyd.config) | .config"
}

runs_file() {
	[ "$(runs)" = "$(sha256sum "$conf" | cut -d' ' -f1)" ]
}

logged() { # TEXT
	grep -qF -- "$1" "$dir/log"
}

@test "who is not root changes nothing, and hears why" {
	before=$(sha256sum "$conf")
	run setpriv --reuid nobody --regid nogroup --groups itlkeeper \
		"$dir/bin/itlctl" --config "$dir/etc" node remove n2
	[ "$status" = 3 ]
	[[ $output == *"run it as root"* ]]
	[ "$(sha256sum "$conf")" = "$before" ]
	[ "$(stat -c %a "$dir/etc")" = 755 ]
}

@test "a dry run shows the lines, and changes none" {
	before=$(sha256sum "$conf")
	run add_third --dry-run
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"+[node n3]"* && $output == *"+host = test10new"* ]]
	[[ $output == *"+recovery-host = test10pub.joemar2.lab"* ]]
	[ "$(sha256sum "$conf")" = "$before" ]
	[ -z "$(ls -A "$dir/etc" | grep new)" ]
}

@test "what cluster.conf's check refuses never takes its place" {
	before=$(sha256sum "$conf")
	run ctl --password-file "$password" node add n3 --host test10pub --address ::1 --no-tftp
	[ "$status" = 2 ]
	[[ $output == *"another node has this name"* ]]
	run ctl --password-file "$password" node add n3 --host test10new --address ::1
	[ "$status" = 2 ]
	[[ $output == *"folder"* ]]
	run ctl node set n2 run=/elsewhere
	[ "$status" = 2 ]
	run ctl node remove n1
	[ "$status" = 3 ]
	[[ $output == *"it is the publisher"* ]]
	[ "$(sha256sum "$conf")" = "$before" ]
}

@test "a wrong password leaves the file as it was" {
	before=$(sha256sum "$conf")
	echo wrong >"$dir/secret/wrong"
	chmod 0600 "$dir/secret/wrong"
	run ctl --password-file "$dir/secret/wrong" node add n3 --host test10new \
		--address 127.0.0.1 --no-tftp
	[ "$status" = 3 ]
	[ "$(sha256sum "$conf")" = "$before" ]
}

@test "a third node comes, with keys and a list that its phones take" {
	sed -i '1i # written by hand' "$conf"
	wait_until runs_file
	entries=$(wc -l <"$dir/state/keyd/audit.log")
	add_third
	runs_file
	[ "$(head -n 1 "$conf")" = "# written by hand" ]
	[ "$(stat -c '%U:%G %a' "$conf")" = "root:root 644" ]
	ctl show cert list own | grep -q test10new
	phone test10new n3
	tail -n "+$entries" "$dir/state/keyd/audit.log" | grep -q 'front.config'
	ctl audit verify
	# Again: there is nothing left to do.
	run add_third
	[ "$status" = 0 ]
	[[ $output == *"Nothing to do"* ]]
}

@test "the other nodes' lists name it after their restart" {
	before=$(served test10sub)
	ctl --node test10sub utils service restart Cisco Tftp
	[ "$(served test10sub)" != "$before" ]
	ctl show itl test10sub | grep -q test10new
	phone test10sub n2
}

@test "a bad file is told of once, and changes nothing" {
	good=$(runs)
	cp -p "$conf" "$dir/good.conf"
	echo "nonsense" >>"$conf"
	wait_until logged "neither [section] nor key = value"
	sleep 2.5
	[ "$(grep 'neither \[section\]' "$dir/log" | grep -c 'keyd')" -le 2 ]
	[ "$(runs)" = "$good" ]
	# What no running program can take up.
	sed 's/^name = demo/name = other/' "$dir/good.conf" >"$conf"
	wait_until logged "it cannot change while the programs run"
	[ "$(runs)" = "$good" ]
	cp -p "$dir/good.conf" "$conf"
	ctl utils service restart Cisco Tftp
	[ "$(runs)" = "$good" ]
}

@test "a change while an operation runs is refused, whatever is forced" {
	cp -p "$dir/bin/tftp" "$dir/bin/tftp.quick"
	sed -i '2i sleep 4' "$dir/bin/tftp"
	ctl --node test10sub utils service restart Cisco Tftp >"$dir/restart.out" 2>&1 3>&- &
	restart=$!
	wait_until eval 'ctl show status | grep -q "Operation:  tftp-restart"'
	before=$(sha256sum "$conf")
	run ctl node remove n3 --force
	[ "$status" = 1 ]
	[[ $output == *"tftp-restart of root (uid 0) runs since"* ]]
	[ "$(sha256sum "$conf")" = "$before" ]
	# By hand: the programs wait until it has ended, and nothing of it is lost.
	echo '# a word' >>"$conf"
	wait "$restart"
	mv "$dir/bin/tftp.quick" "$dir/bin/tftp"
	grep -q "serves" "$dir/restart.out"
	wait_until runs_file
}

@test "a new name: certificates keep the old one, the recovery key for ever" {
	recovery=$(ctl show cert own ITLRecovery | grep -i subject)
	run ctl node rename test10pub --host test10first
	[ "$status" = 0 ]
	[[ $output == *"itlctl --node test10first set cert regen TVS"* ]]
	runs_file
	grep -qx 'recovery-host = test10pub.joemar2.lab' "$conf"
	[ "$(ctl show cert own ITLRecovery | grep -i subject)" = "$recovery" ]
	ctl show cert own CallManager | grep -q test10pub
	phone test10pub n1
	ctl node rename test10first --host test10pub
}

@test "another publisher: resets take its list, and all phones accept it" {
	ctl cluster publisher test10sub
	runs_file
	ctl --password-file "$password" utils itl reset localkey --yes
	[ "$(served test10pub)" = "$(served test10sub)" ]
	ctl show itl test10pub | grep -q test10sub
	phone test10pub n1
	phone test10new n3
	ctl cluster publisher n1
	for node in test10pub test10sub test10new; do
		ctl --node "$node" --password-file "$password" utils service restart Cisco Tftp --force
	done
}

@test "what would lock phones is refused, and the file stays" {
	without_tvs # it would vouch for the publisher's list
	before=$(sha256sum "$conf")
	run ctl node remove test10new --dry-run
	[ "$status" = 0 ]
	[[ $output == *"-[node n3]"*"Refused without --force"* ]]
	for change in "node remove test10new" "node set n3 tftp=no"; do
		run ctl $change
		echo "$output"
		[ "$status" = 3 ]
		[[ $output == *test10new*"phones would be locked"*--force* ]]
	done
	run ctl node remove test10new --force --password-file "$dir/secret/wrong"
	[ "$status" = 3 ]
	[ "$(sha256sum "$conf")" = "$before" ]
	[ -z "$(ls -A "$dir/etc" | grep new)" ]
	! grep -q '"event":"override".*op=node' "$dir/state/keyd/audit.log"
}

@test "a node goes: its rows too, its keys stay" {
	run ctl node remove test10new --force --password-file "$password"
	echo "$output"
	grep -q '"uid":0,.*"event":"override".*op=node-remove config=.* phones=present node=n3 .*verdict=locked' \
		"$dir/state/keyd/audit.log"
	ctl audit verify
	wait_until logged "event=config-locks"
	[ "$status" = 0 ]
	[[ $output == *"stay in the token"* ]]
	runs_file
	! grep -q test10new "$conf"
	[ "$(sqlite3 "$dir/state/front/state.db" "SELECT count(*) FROM served WHERE node = 'n3'")" = 0 ]
	# Its phones may hold its lists still: the judge and retired keys look there.
	[ "$(sqlite3 "$dir/state/front/state.db" "SELECT count(*) FROM history WHERE node = 'n3'")" -gt 0 ]
	[ -s "$dir/tftp/test10new/ITLFile.tlv" ]
	ctl --json show cert list own | jq -e '.result.certs[] | select(.node == "n3")' >/dev/null
	run ctl show status
	[[ $output != *test10new* ]]
	# They are nobody's current ones any more; that lists name them still counts.
	ctl key list --json | jq -e '[.result.keys[] | select(.node == "n3") | .current] == [false, false]'
	ctl show cluster --json | jq -e '[.result.certs[] | select(.node == "n3")] == []'
	run ctl key remove CallManager/n3/1 --yes --password-file "$password"
	[ "$status" = 3 ]
	[[ $output == *--force* ]]
}

@test "killed between the file and the rest: the same command does it" {
	add_third >"$dir/add.out" 2>&1 3>&- &
	add=$!
	wait_until grep -q test10new "$conf"
	kill -KILL "$(pgrep -P "$add")" # itlctl itself, not the shell around it
	wait "$add" || true
	add_third
	runs_file
	phone test10new n4
}

@test "policy by hand: taken up, lists change at the next restart" {
	before=$(served test10sub)
	sed -i 's/^policy = .*/policy = itlrecovery/' "$conf"
	wait_until runs_file
	[ "$(served test10sub)" = "$before" ]
	ctl --node test10sub utils service restart Cisco Tftp
	[ "$(served test10sub)" != "$before" ]
	phone test10sub n2
	run ctl cluster policy callmanager
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"itlctl --node test10pub utils service restart Cisco Tftp"* ]]
}

@test "a key of a node that went can be removed, the newest too" {
	ctl node remove test10new --force --password-file "$password"
	runs_file
	ctl key remove CallManager/n3/1 --yes --force --password-file "$password"
	[ "$(ctl key list --json | jq '[.result.keys[] | select(.label == "CallManager/n3/1")] | length')" = 0 ]
}
