#!/usr/bin/env bats
# A whole cluster of real parts: what administrators ask for, and what goes
# wrong. One cluster for the file; each test leaves it as it found it.

setup_file() {
	load helper
	make_cluster
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

served() { # NODE: SHA-1 of what a phone gets there
	curl -s "tftp://127.0.0.1:$(<"$dir/node/$1/port")/ITLFile.tlv" | sha1sum | cut -d' ' -f1
}

@test "everybody reads, but only root and the group's members ask" {
	before=$(served test10pub)
	nobody=(setpriv --reuid nobody --regid nogroup --clear-groups)
	"${nobody[@]}" "$dir/bin/itlctl" --config "$dir/etc" show itl
	run "${nobody[@]}" "$dir/bin/itlctl" --config "$dir/etc" utils service restart Cisco Tftp
	[ "$status" = 3 ]
	setpriv --reuid nobody --regid nogroup --groups itlkeeper \
		"$dir/bin/itlctl" --config "$dir/etc" utils service restart Cisco Tftp
	[ "$(served test10pub)" = "$before" ]
}

@test "a wrong administrator password changes nothing" {
	before=$(served test10pub)
	echo wrong >"$dir/secret/wrong"
	chmod 0600 "$dir/secret/wrong"
	run ctl --password-file "$dir/secret/wrong" utils itl reset localkey --yes
	[ "$status" = 3 ]
	[ "$(served test10pub)" = "$before" ]
}

@test "a password file that others can read is refused" {
	cp "$password" "$dir/secret/open"
	chmod 0644 "$dir/secret/open"
	run ctl --password-file "$dir/secret/open" utils itl reset localkey --yes
	[ "$status" -ne 0 ]
	[[ $output == *"$dir/secret/open"* ]]
	rm "$dir/secret/open"
}

@test "a subscriber does not reset" {
	run ctl --node test10sub --password-file "$password" utils itl reset localkey --yes
	[ "$status" -ne 0 ]
	[[ $output == *"This is not publisher node"* ]]
}

@test "an unknown command names the nearest ones" {
	run ctl utils itl rest localkey
	[ "$status" = 2 ]
	[[ $output == *"utils itl reset localkey"* ]]
}

@test "a reset, the subscriber's own list, and why it waits" {
	without_tvs
	run ctl --password-file "$password" utils itl reset localkey --yes
	[ "$status" = 0 ]
	[ "$(served test10pub)" = "$(served test10sub)" ]
	standing=$(served test10sub)
	run ctl --node test10sub utils service restart Cisco Tftp
	[ "$status" = 3 ]
	[ "$(served test10sub)" = "$standing" ]
	ctl --node test10sub --password-file "$password" utils service restart Cisco Tftp --force
	[ "$(served test10sub)" != "$standing" ]
	ctl utils service restart Cisco Tftp
	[ "$(served test10pub)" != "$standing" ]
	with_tvs
}

@test "a publisher that serves another list is not reset" {
	list=$dir/tftp/test10pub/ITLFile.tlv
	cp -p "$list" "$dir/list"
	wanted=$(served test10pub)
	cp "$dir/tftp/test10sub/ITLFile.tlv" "$list"
	run ctl --password-file "$password" utils itl reset localkey --yes
	[ "$status" -ne 0 ]
	[[ $output == *"$wanted"* && $output == *"$(served test10sub)"* ]]
	cp -p "$dir/list" "$list"
	[ "$(served test10pub)" = "$wanted" ]
}

@test "a TFTP server that does not come back is named, and heals" {
	mv "$dir/bin/tftp" "$dir/bin/tftp.away"
	run ctl utils service restart Cisco Tftp
	mv "$dir/bin/tftp.away" "$dir/bin/tftp"
	[ "$status" -ne 0 ]
	[[ $output == *test10pub* ]]
	ctl utils service restart Cisco Tftp
}

@test "keyd is killed: it comes back, and nobody notices" {
	kill -KILL "$(pgrep -f "^keyd --config $dir/etc")"
	ctl utils service restart Cisco Tftp
	ctl show status
}

@test "the token alone brings the state back" {
	certs=$(ctl show cert list own)
	lists="$(served test10pub) $(served test10sub)"
	demo_stop "$dir"
	rm "$dir/state/front/state.db"*
	demo_start "$dir"
	[ "$(ctl show cert list own)" = "$certs" ]
	[ "$(served test10pub) $(served test10sub)" = "$lists" ]
	ctl show itl
}

@test "a wrong PIN is sent once; the right one works after a restart" {
	demo_stop "$dir"
	cp -p "$dir/secret/pin" "$dir/secret/pin.right"
	printf 00000000 >"$dir/secret/pin"
	: >"$dir/log"
	demo_launch "$dir"
	wait_until contains "$dir/log" event=given-up
	run ctl --password-file "$password" utils itl reset localkey --yes
	[ "$status" = 4 ]
	[ "$(grep -c 'event=start program=keyd' "$dir/log")" = 1 ]
	# The same file again: keyd remembers, and does not send it.
	demo_stop "$dir"
	: >"$dir/log"
	demo_launch "$dir"
	wait_until contains "$dir/log" event=given-up
	demo_stop "$dir"
	mv "$dir/secret/pin.right" "$dir/secret/pin"
	touch "$dir/secret/pin"
	demo_start "$dir"
	ctl show status
}

@test "keys in the token have the design's labels and usages" {
	# Certificates are public; private keys need the PIN.
	PIN=$(<"$dir/secret/pin") demo_pkcs11_tool "$dir" --token-label itlkeeper-demo \
		--login --pin env:PIN --list-objects --type privkey >"$dir/keys"
	for label in CallManager/n1/1 CallManager/n2/1 TVS/n1/1 TVS/n2/1 CAPF/demo/1 \
		ITLRecovery/demo/1 Audit/demo/1; do
		grep -q "label: *$label\$" "$dir/keys"
	done
	# Each label's own usage, and no other.
	while read -r label usage; do
		found=$(awk -v want="$label" '
			$1 == "label:" { here = $2 == want }
			here && $1 == "Usage:" { sub(/^ *Usage: */, ""); print; exit }' "$dir/keys")
		[ "${found//, /,}" = "$usage" ] || { echo "$label: $found"; false; }
	done <<-END
		CallManager/n1/1 sign
		CallManager/n2/1 sign
		TVS/n1/1 decrypt,sign
		TVS/n2/1 decrypt,sign
		CAPF/demo/1 sign
		ITLRecovery/demo/1 sign
		Audit/demo/1 sign
	END
	# Of all, the recovery key alone can leave.
	[ "$(grep -c 'Access:.*never extractable' "$dir/keys")" = 6 ]
	[ "$(grep -c 'Access:.*sensitive' "$dir/keys")" = 7 ]
}

@test "the audit log verifies, and a change in it is found" {
	ctl audit verify
	cp "$dir/state/keyd/audit.log" "$dir/audit"
	size=$(stat -c %s "$dir/audit")
	printf '\x01' | dd of="$dir/audit" bs=1 seek=$((size / 2)) conv=notrunc status=none
	run ctl audit verify "$dir/audit"
	[ "$status" = 5 ]
}

@test "-n finds nothing wrong here, and names a broken line" {
	"$dir/bin/itlkeeperd" --config "$dir/etc" -n
	echo 'nonsense = 1' >>"$dir/etc/keyd.conf"
	run "$dir/bin/itlkeeperd" --config "$dir/etc" -n
	sed -i '$d' "$dir/etc/keyd.conf"
	[ "$status" = 2 ]
	[[ $output == *"keyd.conf:6: nonsense"* ]]
}

# The last: the subscriber's key stays large.
@test "a list that not every phone verifies wants --force, and names the record" {
	demo_stop "$dir"
	sed -i '/^\[node n2\]/a callmanager-bits = 4096' "$dir/etc/cluster.conf"
	demo_start "$dir"
	before=$(served test10sub)
	ctl --node test10sub --password-file "$password" set cert regen CallManager --force --yes
	run ctl --node test10sub utils service restart Cisco Tftp
	[ "$status" = 3 ]
	[[ $output == *"record 1"* && $output == *--force* ]]
	[ "$(served test10sub)" = "$before" ]
	ctl --node test10sub --password-file "$password" utils service restart Cisco Tftp --force
	[ "$(served test10sub)" != "$before" ]
}
