#!/usr/bin/env bats
# Regeneration on a whole cluster: the dialogue, the pause of 5 minutes over kills,
# what --force leaves in the audit log, the phones' reset, and the end of retired keys.

setup_file() {
	load helper
	make_cluster
	# Where a new CallManager locks nobody; what does is judge.bats's.
	sed -i 's/^policy = .*/policy = itlrecovery/' "$dir/etc/cluster.conf"
	sed -i "/^policy/a phone-reset = echo reset >>$dir/phone-resets" "$dir/etc/cluster.conf"
	start_cluster
}

setup() {
	load helper
	password=$dir/secret/admin-password
}

teardown_file() {
	load helper
	remove_cluster
}

regen() { # UNIT ARG...
	demo_ctl "$dir" --password-file "$password" set cert regen "$@"
}

remove() { # LABEL ARG...
	demo_ctl "$dir" --password-file "$password" key remove "$@"
}

# At a terminal, as a person: lines of PROMPT=ANSWER in $ANSWERS; what the terminal
# showed. Who is asked something else is gone after a minute.
talk() { # ARG...
	python3 - "$dir" "$@" <<-'END'
		import os, pty, select, signal, sys, time
		folder, args = sys.argv[1], sys.argv[2:]
		answers = [l.split("=", 1) for l in os.environ["ANSWERS"].splitlines()]
		pid, fd = pty.fork()
		if pid == 0:
		    os.execv(folder + "/bin/itlctl", ["itlctl", "--config", folder + "/etc"] + args)
		seen, at, end = b"", 0, time.time() + 60
		while time.time() < end:
		    if answers and answers[0][0].encode() in seen[at:]:
		        at = len(seen)
		        os.write(fd, answers.pop(0)[1].encode() + b"\n")
		    if not select.select([fd], [], [], 0.2)[0]:
		        continue
		    try:
		        more = os.read(fd, 4096)
		    except OSError:
		        break
		    if not more:
		        break
		    seen += more
		if time.time() >= end:
		    os.kill(pid, signal.SIGKILL)
		sys.stdout.write(seen.decode().replace("\r", ""))
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
}

squeezed() {
	tr -s '[:space:]' ' '
}

resets() {
	cat "$dir/phone-resets" 2>/dev/null | wc -l
}

served() { # NODE: SHA-1 of what a phone gets there
	curl -s "tftp://127.0.0.1:$(<"$dir/node/$1/port")/ITLFile.tlv" | sha1sum | cut -d' ' -f1
}

front_pid() {
	pgrep -f "^front --config $dir/etc"
}

@test "no hold is there after cluster init, and phones were not reset for it" {
	[ "$(ctl show status --json | jq -c .result.holds)" = '[]' ]
	[ "$(resets)" = 0 ]
}

@test "set cert regen: the dialogue, word for word" {
	ANSWERS=$(printf '%s\n' "Administrator password :=$(<"$password")" "(yes|no)?=yes")
	export ANSWERS
	run talk set cert regen CallManager
	echo "$output"
	[ "$status" = 0 ]
	want='Enter CCM Administrator password : WARNING: This operation will overwrite any CA signed certificate previously imported for CallManager Proceed with regeneration (yes|no)? yes Successfully Regenerated Certificate for CallManager. Please do a backup of the server as soon as possible. Failure to do so can stale the cluster in case of a crash. You must restart services related to CallManager for the regenerated certificates to become active. '
	[[ "$(squeezed <<<"$output")" == "$want"* ]]
}

# Refused at once, without a question; the seconds are left on either output.
is_held() { # UNIT BY
	run talk set cert regen "$1"
	echo "$output"
	[ "$status" = 3 ]
	[ "$(head -n 2 <<<"$output")" = "$2 certificate was modified in the last 5 minutes. Please re-try
regnerating $1 certificate at a later time" ]
	[[ $(sed -n 3p <<<"$output") =~ ^[0-9]+\ seconds?\ left\.$ ]]
	run regen "$1" --yes --json
	[ "$status" = 3 ]
	left=$(grep '^{' <<<"$output" | jq .error.code)
	[ "$left" -gt 0 ]
	[ "$left" -le 300 ]
}

@test "another certificate of the node waits, over kill -9 and restarts" {
	export ANSWERS=
	is_held TVS CallManager
	is_held CAPF CallManager
	before=$left
	kill -KILL "$(front_pid)"
	wait_until ctl show status
	is_held TVS CallManager
	[ "$left" -le "$before" ]
	demo_stop "$dir"
	demo_start "$dir"
	is_held ITLRecovery CallManager
	[ "$(ctl show status --json | jq -r '.result.holds[0] | .node + .unit')" = n1CallManager ]
	[[ $(ctl show status) == *"Hold:       CallManager of test10pub"* ]]
	# Through the door itself, with a ticket of nobody.
	zeros=$(printf '0%.0s' {1..64})
	[ "$(ask_front "$dir" "{\"do\":\"generate\",\"unit\":\"TVS\",\"node\":\"n1\",\"regenerate\":true,\"ticket\":\"$zeros\"}" |
		jq -r .error.name)" = HELD ]
	# The other node does not wait, nor does the same certificate.
	regen TVS --node test10sub --yes
	regen CallManager --yes
}

@test "--force does it, and the audit log says who, what and over which hold" {
	run regen TVS --yes --force
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"--force overrides: CallManager certificate was modified"* ]]
	grep '"event":"front.regenerate"' "$dir/state/keyd/audit.log" | tail -n 1 >"$dir/entry"
	contains "$dir/entry" 'unit=TVS node=n1 uid=0 force=yes overrode='
	contains "$dir/entry" 'CallManager certificate was modified in the last 5 minutes'
	ctl audit verify
}

@test "phones are reset once a node serves a changed certificate, and not for ITLRecovery" {
	[ "$(resets)" = 0 ] # nothing took effect yet
	run ctl utils service restart Cisco Tftp
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"The phones were reset (phone-reset): new certificates of CallManager TVS"* ]]
	[ "$(resets)" = 1 ]
	ctl utils service restart Cisco Tftp
	[ "$(resets)" = 1 ]
	ctl --node test10sub utils service restart Cisco Tftp
	[ "$(resets)" = 2 ] # the TVS of both
	before=$(served test10pub)
	regen ITLRecovery --yes --force
	ctl --password-file "$password" utils service restart Cisco Tftp --force
	[ "$(served test10pub)" != "$before" ]
	sleep 1
	[ "$(resets)" = 2 ]
}

@test "a phone-reset that fails is a warning" {
	demo_stop "$dir"
	sed -i 's/^phone-reset = .*/phone-reset = echo no phones >\&2; exit 3/' "$dir/etc/cluster.conf"
	demo_start "$dir"
	regen CallManager --node test10sub --yes --force
	# Its phones do not know the new ITLRecovery yet.
	run ctl --node test10sub --password-file "$password" utils service restart Cisco Tftp --force
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"warning: the phones were not reset:"*"no phones, status 3"* ]]
	contains "$dir/log" 'event=phone-reset'
}

@test "a change of host and domain does not touch ITLRecovery" {
	before=$(ctl show cert own ITLRecovery --json | jq -r .result.sha256)
	demo_stop "$dir"
	cp "$dir/etc/cluster.conf" "$dir/cluster.conf"
	sed -i 's/^domain = .*/domain = example.net/; s/^host = test10pub/host = newname/' "$dir/etc/cluster.conf"
	demo_start "$dir"
	[ "$(ctl show cert own ITLRecovery --json | jq -r .result.sha256)" = "$before" ]
	regen CallManager --yes --force
	ctl utils service restart Cisco Tftp
	[[ $(ctl show cert own CallManager --json | jq -r .result.subject) == CN=newname.example.net* ]]
	ctl show itl --json | jq -r '.result.records[].subject' >"$dir/subjects"
	contains "$dir/subjects" CN=newname.example.net
	contains "$dir/subjects" CN=ITLRECOVERY_test10pub.joemar2.lab
	demo_stop "$dir"
	cp "$dir/cluster.conf" "$dir/etc/cluster.conf"
	demo_start "$dir"
}

@test "key list and key remove: only what no phone can need" {
	run ctl key list
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *CallManager/n1/1*retired* ]]
	removable() {
		ctl key list --json | jq ".result.keys[] | select(.label == \"$1\").removable"
	}
	[ "$(removable CallManager/n1/1)" = false ]
	run remove CallManager/n1/1 --yes
	[ "$status" = 3 ]
	[[ $output == *"it can be removed from 20"* ]]
	# CallManager/n1/2 never reached a list: it was made again before a restart.
	[ "$(removable CallManager/n1/2)" = true ]
	echo wrong >"$dir/secret/wrong"
	chmod 0600 "$dir/secret/wrong"
	run ctl key remove CallManager/n1/2 --yes --password-file "$dir/secret/wrong"
	[ "$status" -ne 0 ]
	[ "$(removable CallManager/n1/2)" = true ]
	remove CallManager/n1/2 --yes
	[ -z "$(removable CallManager/n1/2)" ]
	# Not in the token either, after a start.
	demo_stop "$dir"
	demo_start "$dir"
	[ -z "$(removable CallManager/n1/2)" ]
	current=$(ctl key list --json | jq -r '[.result.keys[] | select(.current)][0].label')
	run remove "$current" --yes --force
	[ "$status" = 3 ]
	[[ $output == *"it is the current key of its unit"* ]]
	remove CallManager/n1/1 --yes --force
	[ -z "$(removable CallManager/n1/1)" ]
	contains "$dir/state/keyd/audit.log" 'front.key-remove'
	ctl audit verify
	ctl utils service restart Cisco Tftp
}
