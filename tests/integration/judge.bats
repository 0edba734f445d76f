#!/usr/bin/env bats
# What would lock phones is refused where no TVS answers them; the safe order, with
# phones that judge it (answers.bats has those that ask). One
# cluster for the file; the tests follow each other.

setup_file() {
	load helper
	make_cluster
	without_tvs
	start_cluster
}

setup() {
	load helper
	ctl_password=$dir/secret/admin-password
}

teardown_file() {
	load helper
	remove_cluster
}

restart() { # NODE ARG...
	demo_ctl "$dir" --node "$1" "${@:2}" utils service restart Cisco Tftp
}

# All phones reset; the exit status tells whether all hold what their node serves.
phones() {
	"$dir/phones" reset
}

keys_of() { # UNIT: how many generations
	demo_ctl "$dir" show cert list own --json | jq "[.result.certs[] | select(.unit == \"$1\")] | length"
}

@test "a key that signs lists is not renewed: the refusal says what is safe" {
	phones
	for json in "" --json; do
		run ctl set cert regen CallManager --yes $json
		echo "$output"
		[ "$status" = 3 ]
		[[ $output == *test10pub* && $output == *"phones would be locked"*"the TVS of test10pub and of 1 more do not answer"* ]]
		[[ $output == *--force*"utils itl reset localkey"*phones*TVS* ]]
	done
	[ "$(keys_of CallManager)" = 2 ]
	phones
}

@test "what locks nobody needs no --force" {
	ctl --node test10sub set cert regen TVS --yes
	restart test10sub
	restart test10pub
	phones
}

@test "the safe order: --force, reset localkey, the phones" {
	ctl set cert regen CallManager --force --yes
	[ "$(keys_of CallManager)" = 3 ]
	grep -aq 'front.regenerate.*unit=CallManager node=n1 uid=0 force=yes overrode=.*its phones would be locked' \
		"$dir/state/keyd/audit.log"
	demo_ctl "$dir" audit verify

	run restart test10pub
	[ "$status" = 3 ]
	[[ $output == *"they would be locked"*"utils itl reset localkey"* ]]
	phones # nothing came to them

	run ctl utils itl reset localkey --dry-run --json
	[ "$status" = 0 ]
	then=$(jq -r .result.sha1 <<<"$output")
	ctl utils itl reset localkey --yes | grep -F "$then"
	phones
	restart test10pub # the new certificate signed it, which the reset brought
	phones
	run restart test10sub
	[ "$status" = 3 ]
	[[ $output == *test10sub*"leave the reset list in place"* ]]
	phones
}

@test "policy itlrecovery frees the subscriber, and phones follow" {
	demo_stop "$dir"
	sed -i 's/^policy = .*/policy = itlrecovery/' "$dir/etc/cluster.conf"
	demo_start "$dir"
	restart test10sub
	restart test10pub
	phones
	run ctl set cert regen ITLRecovery --yes
	[ "$status" = 3 ]
	ctl set cert regen CallManager --yes
	restart test10pub
	phones
	demo_stop "$dir"
	sed -i 's/^policy = .*/policy = callmanager/' "$dir/etc/cluster.conf"
	demo_start "$dir"
	restart test10sub
	restart test10pub
	phones
}

@test "a locked phone: --force all the way, and the reset heals it" {
	ctl set cert regen CallManager --force --yes
	log=$dir/state/keyd/audit.log
	before=$(grep -ac '"event":"override"' "$log") || true
	# A wrong password, and a ticket that is none, override nothing.
	(umask 077 && echo wrong >"$dir/secret/wrong")
	run restart test10pub --force --password-file "$dir/secret/wrong"
	[ "$status" = 3 ]
	run ask_front "$dir" '{"do":"tftp-restart","node":"test10pub","force":true}'
	echo "$output"
	[[ $output == *'"rc":"refused"'*"the administrator's ticket"* ]]
	phones # nothing came to them
	[ "$(grep -ac '"event":"override"' "$log")" = "$before" ]
	run restart test10pub --force --password-file "$dir/secret/admin-password"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"warning: --force overrides: its phones' list does not name"*"they would be locked"* ]]
	grep -a '"event":"override"' "$log" | tail -n 1 | grep -F 'op=tftp-restart node=n1 overrode='
	grep -a '"event":"front.tftp-restart"' "$log" | tail -n 1 | grep 'force=yes.*verdict='
	demo_ctl "$dir" audit verify
	# There is nothing more to override: no password, and nothing new in the log.
	restart test10pub --force
	[ "$(grep -ac '"event":"override"' "$log")" = $((before + 1)) ]
	run phones
	[ "$status" = 5 ]
	[[ $output == *"Trust List Update Failed"* ]]
	ctl utils itl reset localkey --yes
	phones
	restart test10pub
	phones
}
