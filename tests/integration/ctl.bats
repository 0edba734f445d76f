#!/usr/bin/env bats
# A CTL on a cluster of real parts: made, served to phones under their own names,
# renewed, and what goes wrong. One cluster for the file; each test goes on where
# the one before ended.

setup_file() {
	load helper
	make_cluster
	# The last step of a restart waits while the file is there.
	mv "$dir/bin/tftp" "$dir/bin/tftp.real"
	cat >"$dir/bin/tftp" <<-END
		#!/bin/sh
		for i in 1 2 3 4 5 6 7 8 9 10; do
			[ -e "$dir/hold" ] || break
			[ "\$i" = 1 ] && : >"$dir/held"
			sleep 0.2
		done
		exec "$dir/bin/tftp.real" "\$@"
	END
	chmod 0755 "$dir/bin/tftp"
	start_cluster
}

setup() {
	load helper
	ctl_password=$dir/secret/admin-password
	password=$dir/secret/admin-password
}

teardown_file() {
	load helper
	remove_cluster
}

show() {
	demo_ctl "$dir" "$@"
}

fetch() { # NODE NAME: what a phone gets there
	curl -sf "tftp://127.0.0.1:$(<"$dir/node/$1/port")/$2"
}

sha1() { # NODE NAME
	fetch "$1" "$2" | sha1sum | cut -d' ' -f1
}

phone() { # NODE MAC ARG...
	local port
	port=$(<"$dir/node/$1/port")
	"$dir/bin/itlphone" --state "$dir/phones.d" --mac "$2" --server 127.0.0.1 \
		--tftp-port "$port" "${@:3}"
}

settled() { # every node serves what it shall, and nothing runs
	show show status --json | jq -e '.result | .op == null and
		([.nodes[] | .error == null and .want == .have and .ctl.want == .ctl.have] | all)' >/dev/null
}

taken_over() { # SHA1: of a CTL: what every node shall serve
	show show status --json |
		jq -e --arg sha1 "$1" '[.result.nodes[].ctl.want.sha1 == $sha1] | all' >/dev/null
}

in_order() { # FILE: role and server of each record
	show file show "$1" --json |
		jq -r '.result.records[] | "\(.function) \(.dns) \(.address) \(.whole)"'
}

reconfigure() { # SED-SCRIPT: with all programs stopped
	demo_stop "$dir"
	sed -i "$1" "$dir/etc/cluster.conf"
	demo_start "$dir"
	wait_until settled
}

@test "a cluster without a CTL says so" {
	run show show ctl
	[ "$status" = 1 ]
	[[ $output == *"CTL File not found."* ]]
	run fetch test10pub CTLSEP001122330000.tlv
	[ "$status" -ne 0 ]
}

@test "a wrong password, and a subscriber, make none" {
	echo wrong >"$dir/secret/wrong"
	chmod 0600 "$dir/secret/wrong"
	run show --password-file "$dir/secret/wrong" utils ctl update CTLFile
	[ "$status" = 3 ]
	run ctl --node test10sub utils ctl update CTLFile
	[ "$status" = 3 ]
	[[ $output == *"This is not publisher node"* ]]
	[ ! -e "$dir/tftp/test10pub/CTLFile.tlv" ]
}

@test "utils ctl update: the same CTL on all nodes, in the original's order" {
	itl=$(stat -c %i "$dir"/tftp/*/ITLFile.tlv)
	run ctl utils ctl update CTLFile
	[ "$status" = 0 ]
	[[ $output == *"['test10pub', 'test10sub']"* ]]
	[[ $output == *"The CTL file was generated successfully"* ]]
	[[ $output == *"Successfully transferred CTL to node test10sub"* ]]
	[[ $output == *"Cisco Tftp service restarted on host test10sub"* ]]
	[[ $output == *"Signed by: CallManager/n1/1"* ]]
	[[ $output == *"SHA-1 of the list: $(sha1 test10pub CTLFile.tlv)"* ]]
	[ "$(sha1 test10pub CTLFile.tlv)" = "$(sha1 test10sub CTLFile.tlv)" ]
	fetch test10sub CTLFile.tlv >"$dir/ctl"
	show file verify "$dir/ctl"
	[ "$(in_order "$dir/ctl")" = "$(
		cat <<-END
			System Administrator Security Token test10pub 127.0.0.1 true
			CCM+TFTP test10pub 127.0.0.1 true
			CCM+TFTP test10sub 127.0.0.1 true
			CAPF test10pub 127.0.0.1 true
			System Administrator Security Token test10pub 127.0.0.1 true
		END
	)" ]
	show show cert list own --json >"$dir/certs"
	# Whose certificates they are, and the signer's: the publisher's CallManager.
	for record in 0:CallManager:n1 1:CallManager:n1 2:CallManager:n2 3:CAPF: 4:ITLRecovery:; do
		IFS=: read -r i unit node <<<"$record"
		want=$(jq -r --arg u "$unit" --arg n "$node" \
			'.result.certs[] | select(.unit == $u and (.node // "") == $n).sha1' "$dir/certs")
		[ "$(show file show "$dir/ctl" --json | jq -r ".result.records[$i].cert_sha1")" = "$want" ]
	done
	[ "$(show file show "$dir/ctl" --json |
		jq -c '[.result.records[].signer]')" = '[true,false,false,false,false]' ]
	# The ITLs are not touched; the log has the operation.
	[ "$(stat -c %i "$dir"/tftp/*/ITLFile.tlv)" = "$itl" ]
	grep -aq ctl-update "$dir/state/keyd/audit.log"
	show audit verify
}

@test "show ctl lists it, show status names it" {
	run show show ctl test10sub
	[ "$status" = 0 ]
	[[ $output == *"The CTL file was verified successfully."* ]]
	run show show status
	[[ $output == *"CTL: $(sha1 test10pub CTLFile.tlv), signed by CallManager/n1/1"* ]]
}

@test "phones get it under their own names: by the map, and by a link" {
	[ "$(sha1 test10pub CTLSEP001122334455.tlv)" = "$(sha1 test10pub CTLFile.tlv)" ]
	run phone test10pub 001122334455 reset
	[ "$status" = 0 ]
	[[ $output == *"CTL and ITL installed"* ]]
	# The subscriber's server without the map: a link for one phone.
	mv "$dir/node/test10sub/map" "$dir/map.away"
	"$dir/bin/tftp.real" restart "$dir/node/test10sub"
	ln -s CTLFile.tlv "$dir/tftp/test10sub/CTLSEP001122330001.tlv"
	phone test10sub 001122330001 --json reset >"$dir/report" || true
	[ "$(jq -r .ctl "$dir/report")" = "$(sha1 test10sub CTLFile.tlv)" ]
	run phone test10sub 001122330002 reset
	[[ $output == *"File Not Found <CTLFile.tlv>"* ]]
	mv "$dir/map.away" "$dir/node/test10sub/map"
	"$dir/bin/tftp.real" restart "$dir/node/test10sub"
	[ "$(sha1 test10sub CTLSEP001122330002.tlv)" = "$(sha1 test10sub CTLFile.tlv)" ]
}

@test "a node that is down is named, the others are served, and it heals" {
	before=$(sha1 test10sub CTLFile.tlv)
	mv "$dir/tftp/test10sub" "$dir/away"
	sleep 1 # another timestamp, another list
	run ctl utils ctl update CTLFile
	[ "$status" = 1 ]
	[[ $output == *"Failed on host test10sub"* ]]
	[[ $output != *"Failed on host test10pub"* ]]
	[ "$(sha1 test10pub CTLFile.tlv)" != "$before" ]
	mv "$dir/away" "$dir/tftp/test10sub"
	wait_until settled
	[ "$(sha1 test10pub CTLFile.tlv)" = "$(sha1 test10sub CTLFile.tlv)" ]
}

@test "front is killed in the middle, and goes on" {
	before=$(sha1 test10pub CTLFile.tlv)
	rm -f "$dir/held"
	: >"$dir/hold"
	sleep 1
	ctl utils ctl update CTLFile >/dev/null 2>&1 3>&- &
	client=$!
	wait_until test -e "$dir/held"
	kill -KILL "$(pgrep -f "^front --config $dir/etc")"
	rm "$dir/hold"
	wait "$client" && false
	wait_until settled
	[ "$(sha1 test10pub CTLFile.tlv)" != "$before" ]
	[ "$(sha1 test10pub CTLFile.tlv)" = "$(sha1 test10sub CTLFile.tlv)" ]
	fetch test10sub CTLFile.tlv >"$dir/ctl"
	show file verify "$dir/ctl"
	grep -q "event=resume .*kind=ctl-update" "$dir/log"
}

@test "without its state, front takes the CTL over that the nodes serve" {
	served=$(sha1 test10sub CTLFile.tlv)
	demo_stop "$dir"
	rm "$dir/state/front/state.db"*
	demo_start "$dir"
	wait_until taken_over "$served" # settled is also who has not looked yet
	rm "$dir/tftp/test10sub/CTLFile.tlv"
	show --node test10sub utils service restart Cisco Tftp
	[ "$(sha1 test10sub CTLFile.tlv)" = "$served" ]
}

@test "an address that is a name stands in no CTL" {
	served=$(sha1 test10pub CTLFile.tlv)
	reconfigure '/^\[node n2\]/,$ s/^address = .*/address = localhost/'
	run ctl utils ctl update CTLFile
	[ "$status" = 2 ]
	[[ $output == *"node n2: address = localhost"*"cluster.conf"* ]]
	[ "$(sha1 test10pub CTLFile.tlv)" = "$served" ]
	reconfigure '/^\[node n2\]/,$ s/^address = .*/address = 127.0.0.1/'
}

@test "a CTL that phones would not follow wants a reset first" {
	without_tvs # which would let them follow
	fetch test10pub CTLFile.tlv >"$dir/old"
	ctl set cert regen CallManager --force --yes
	run ctl utils ctl update CTLFile
	[ "$status" = 3 ]
	[[ $output == *test10pub*"utils itl reset localkey"*--force* ]]
	cmp "$dir/old" "$dir/tftp/test10pub/CTLFile.tlv"
	ctl utils itl reset localkey
	# The reset signs the ITL alone.
	cmp "$dir/old" "$dir/tftp/test10sub/CTLFile.tlv"
	# Who looks sees that it is old, and what would change.
	show show cluster | grep -A 1 'the CTL lacks CallManager/n1/2 as SAST'
	show show alerts | grep CTLOutdated
	run show utils ctl update CTLFile --dry-run
	[ "$status" = 0 ]
	[[ $output == *"+ CallManager/n1/2 as SAST"*"- CallManager/n1/1 as SAST"* ]]
	cmp "$dir/old" "$dir/tftp/test10sub/CTLFile.tlv"
	ctl utils ctl update CTLFile
	run show show cluster
	[[ $output != *"the CTL lacks"* ]]
	# What a phone does that held the CTL and took the reset list.
	fetch test10sub CTLFile.tlv >"$dir/new"
	show file accept --ctl "$dir/old" --itl "$dir/tftp/test10sub/ITLFile.tlv" "$dir/new"
	run show file accept --ctl "$dir/old" "$dir/new"
	[ "$status" = 5 ]
}

# The last: the policy stays.
@test "under policy itlrecovery the recovery key signs it" {
	reconfigure 's/^policy = .*/policy = itlrecovery/'
	run ctl utils ctl update CTLFile
	[ "$status" = 0 ]
	[[ $output == *"Signed by: ITLRecovery/demo/1"* ]]
	fetch test10sub CTLFile.tlv >"$dir/ctl"
	show file verify "$dir/ctl"
	[ "$(show file show "$dir/ctl" --json |
		jq -c '[.result.records[].signer]')" = '[false,false,false,false,true]' ]
}
