#!/usr/bin/env bats
# What is allowed because TVS answers, and refused while it does not, with phones that
# ask it. One cluster for the file; the tests follow each other.

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

restart() { # NODE
	demo_ctl "$dir" --node "$1" utils service restart Cisco Tftp
}

# All phones reset; both TVSs are in their configuration. The exit status tells whether
# all hold what their node serves.
phones() {
	"$dir/phones" reset
}

# What --force would override.
overrides() { # UNIT NODE
	ask_front "$dir" "{\"do\":\"generate-plan\",\"unit\":\"$1\",\"node\":\"$2\",\"force\":true}" |
		jq -r '.result.overrides'
}

# As many nodes' services are so.
services_are() { # STATE
	[[ $(demo_ctl "$dir" utils service list |
		grep -c "^Cisco Trust Verification Service\[$1\] .*test10") = 2 ]]
}

# front asks when something depends on it.
tvs_answers() {
	overrides CAPF >/dev/null
	services_are STARTED
}

@test "after a reset a subscriber's own list waits, and the refusal says for what" {
	phones
	ctl utils itl reset localkey --yes
	phones
	restart test10pub
	run restart test10sub
	echo "$output"
	[ "$status" = 3 ]
	[[ $output == *"the TVS of test10pub and of 1 more do not answer"*"systemctl restart itlkeeper-tvs"* ]]
	services_are STOPPED
	demo_ctl "$dir" show cluster | grep -F 'answers phones on 0 of 2 nodes'
	# Nobody ever counted on it.
	run demo_ctl "$dir" show alerts
	[[ $output != *TVSNotAnswering* ]]
}

@test "with TVS it comes back, and its phones take it" {
	with_tvs
	wait_until tvs_answers
	demo_ctl "$dir" show status | grep -F 'answers phones on 2 of 2 nodes'
	restart test10sub
	run phones
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c 'Trust List Updated' <<<"$output")" -ge "$demo_phones" ]
}

@test "a new CallManager needs no --force: phones ask who it is" {
	ctl set cert regen CallManager --yes
	# Both at once are the accident, on whichever node.
	for node in n1 n2; do
		[[ $(overrides TVS "$node") == *"its phones would be locked"* ]]
	done
	restart test10pub
	run phones
	echo "$output"
	[ "$status" = 0 ]
	for node in n1 n2; do
		[[ $(overrides TVS "$node") != *"would be locked"* ]]
	done
	ctl --node test10sub set cert regen TVS --yes
	restart test10sub
	restart test10pub
	phones
}

@test "a TVS that is gone is missed" {
	ctl set cert regen CallManager --yes --force # within the hold of before
	without_tvs
	run restart test10pub
	echo "$output"
	[ "$status" = 3 ]
	[[ $output == *"do not answer"*"first let each TVS answer"* ]]
	services_are FAILED
	phones # nothing came to them
	# What they will ask by is not taken from them meanwhile.
	[[ $(overrides TVS n2) == *"do not answer"* ]]
	with_tvs
	wait_until tvs_answers
	restart test10pub
	phones
}
