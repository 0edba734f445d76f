#!/usr/bin/env bats
# The recovery key's backups, on a cluster of real parts with a vault in a folder:
# made, proved, missed, rehearsed, brought back. Each test goes on where the one
# before ended.

setup_file() {
	load helper
	make_cluster
	listen_syslog "$dir/syslog" "$dir/syslog.txt"
	start_cluster --security-password-file "$dir/secret/security-password"
}

setup() {
	load helper
	ctl_password=$dir/secret/admin-password
	admin=$dir/secret/admin-password
	security=$dir/secret/security-password
}

teardown_file() {
	load helper
	[[ -z ${dir-} ]] || {
		demo_stop "$dir"
		stop_syslog
		rm -rf "$dir"
	}
}

show() { # ARG...: a command that takes no password
	demo_ctl "$dir" show "$@"
}

vault() {
	demo_vault "$dir" --password-file "$admin" --security-password-file "$security" "$@"
}

tend() { # VERB ARG...: one that takes no password
	demo_vault "$dir" "$@"
}

objects() { # newest last
	ls "$dir/vault"
}

good() {
	[ "$(show backup --json | jq .result.good)" = "$1" ]
}

alerts() { # NAME-BEGIN HOW-MANY
	[ "$(show alerts --json | jq --arg name "$1" '[.result.alerts[] | select(.name | startswith($name))] | length')" = "$2" ]
}

@test "until a backup is proved there is an alert, to syslog too" {
	good false
	alerts ITLRecoveryNotBackedUp 1
	wait_until contains "$dir/syslog.txt" ITLRecovery
	run show backup
	[[ $output == *"itlvault backup"* ]]
}

@test "a wrong security password makes nothing" {
	echo wrong >"$dir/secret/wrong"
	chmod 0600 "$dir/secret/wrong"
	run demo_vault "$dir" --password-file "$admin" --security-password-file "$dir/secret/wrong" backup
	[ "$status" = 3 ]
	[ -z "$(objects)" ]
}

@test "a backup is stored, proved, shown, and the alert ends" {
	run vault backup
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"Proved: ITLRecovery-"* ]]
	[ "$(objects | wc -l)" = 1 ]
	[ "$(stat -c '%a %G' "$dir/vault/$(objects)")" = "640 itlkeeper-front" ]
	good true
	alerts ITLRecoveryNotBackedUp 0
	run show backup
	[[ $output == *"$(objects)"* && $output == *token-cbc* ]]
	run tend list
	[[ $output == *"proved, counts"* ]]
}

@test "the recovery key was generated so that this token wraps it" {
	tries=$(grep -o 'tries=[0-9]* route=[a-z-]*' "$dir/state/keyd/audit.log" | tail -n 1)
	[[ $tries == *route=token-cbc ]]
}

@test "what leaves the service's programs holds no secret, nor does the log" {
	run grep -rlFf "$admin" "$dir/log" "$dir/state" "$dir/syslog.txt"
	[ "$status" = 1 ]
	run grep -rlFf "$security" "$dir/log" "$dir/state" "$dir/syslog.txt" "$dir/vault"
	[ "$status" = 1 ]
}

@test "the bare p12 opens elsewhere, and is this cluster's key" {
	mkdir -p "$dir/plain"
	vault --plain backup "$dir/plain"
	file=$(echo "$dir"/plain/*.p12)
	openssl pkcs12 -in "$file" -passin "file:$security" -nodes -out "$dir/secret/plain.pem"
	openssl x509 -in "$dir/secret/plain.pem" -noout -fingerprint -sha256 | tr -d : |
		grep -qi "$(show cert own ITLRecovery --json | jq -r .result.sha256)"
	openssl pkcs12 -in "$file" -passin "file:$security" -info -noout 2>&1 |
		grep -q 'MAC: sha256, Iteration 600000'
	run openssl pkcs12 -in "$file" -passin pass:wrong -noout
	[ "$status" -ne 0 ]
}

@test "damaged, cut, swapped, and renamed backups are refused" {
	sleep 1 # a name holds its second
	vault backup
	mapfile -t all < <(objects)
	[ "${#all[@]}" = 2 ]
	old=${all[0]} new=${all[1]}
	bad=$dir/bad
	mkdir -p "$bad"
	# An older one under the newest name.
	cp "$dir/vault/$old" "$bad/$new"
	run vault verify "$bad"
	[ "$status" = 5 ]
	[[ $output == *"another backup under this name"* ]]
	# A flipped bit; the last byte missing; nothing there.
	cp "$dir/vault/$new" "$bad/$new"
	flip "$bad/$new" 3000
	run vault verify "$bad"
	[ "$status" = 5 ]
	head -c -1 "$dir/vault/$new" >"$bad/$new"
	run vault verify "$bad"
	[ "$status" -ne 0 ]
	: >"$bad/$new"
	run vault restore "$bad"
	[ "$status" -ne 0 ]
	[ "$(show cert list own --json | jq '[.result.certs[] | select(.unit == "ITLRecovery")] | length')" = 1 ]
}

@test "the service misses a backup that is gone, and one that was changed" {
	newest=$dir/vault/$(objects | tail -n 1)
	ask_front "$dir" '{"do":"vault-check"}' | jq -e '.result.vaults[0].ok'
	good true
	mv "$newest" "$dir/kept"
	run ask_front "$dir" '{"do":"vault-check"}'
	[ "$(jq .result.vaults[0].ok <<<"$output")" = false ]
	cp "$dir/kept" "$newest"
	chgrp itlkeeper-front "$newest"
	chmod 0640 "$newest"
	flip "$newest" 99
	run ask_front "$dir" '{"do":"vault-check"}'
	[ "$(jq .result.vaults[0].ok <<<"$output")" = false ]
	wait_until alerts ITLRecoveryVaultCheck/demo 1
	wait_until contains "$dir/syslog.txt" ITLRecoveryVaultCheck
	cp "$dir/kept" "$newest"
	ask_front "$dir" '{"do":"vault-check"}' | jq -e '.result.vaults[0].ok'
	wait_until alerts ITLRecoveryVaultCheck/demo 0
	good true
}

@test "a changed security password makes all backups useless, at once" {
	cp -p "$security" "$dir/secret/old"
	demo_random 12 >"$security"
	ctl --security-password-file "$dir/secret/old" --new-password-file "$security" \
		set password user security </dev/null
	good false
	alerts ITLRecoveryNotBackedUp 1
	# The old object does not open with the new password; a new one does.
	run vault verify demo "$(objects | tail -n 1)"
	[ "$status" = 5 ]
	vault backup
	good true
	alerts ITLRecoveryNotBackedUp 0
}

@test "the disaster, rehearsed: an empty token, the vault, the password" {
	scratch_token "$dir" scratch
	run demo_vault "$dir" --security-password-file "$security" --token pkcs11:token=scratch \
		--pin-file "$dir/secret/scratch-pin" rehearse
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"accepts it"* && $output == *"From nothing to a signed list"* ]]
	# Nothing is left of it.
	PIN=$(<"$dir/secret/scratch-pin") scratch_tool "$dir" --token-label scratch --login \
		--pin env:PIN --list-objects >"$dir/objects"
	[ ! -s "$dir/objects" ]
}

@test "restore brings it into another token, refuses another key, or retires it" {
	export SOFTHSM2_CONF=$dir/scratch.conf
	restore=(vault --token pkcs11:token=scratch --pin-file "$dir/secret/scratch-pin")
	# Of a machine that burnt down nothing is there, not even its configuration.
	"$dir/bin/itlvault" --config /nonexistent --security-password-file "$security" \
		--state "$dir/old" restore "$dir/vault"
	"${restore[@]}" restore
	cmp "$dir/old/cluster.conf" "$dir/etc/cluster.conf"
	[ "$(sha1sum <"$dir/old/ITLFile-n1.tlv")" = "$(sha1sum <"$dir/tftp/test10pub/ITLFile.tlv")" ]
	openssl x509 -inform DER -in "$dir/old/cert-ITLRecovery-demo-1.der" -noout -subject | grep -q ITLRECOVERY_
	run "${restore[@]}" restore
	[[ $status = 0 && $output == *"nothing to do"* ]]
	# A stranger's key, from openssl, with its own password.
	mkdir -p "$dir/foreign"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/foreign/key" -subj /CN=ITLRECOVERY_x \
		-days 3650 -out "$dir/foreign/cert" 2>/dev/null
	echo other >"$dir/secret/other"
	chmod 0600 "$dir/secret/other"
	openssl pkcs12 -export -legacy -inkey "$dir/foreign/key" -in "$dir/foreign/cert" \
		-passout "file:$dir/secret/other" -out "$dir/foreign/ITLRecovery.p12"
	run "${restore[@]}" --p12-password-file "$dir/secret/other" restore "$dir/foreign" ITLRecovery.p12
	[ "$status" = 3 ]
	[[ $output == *--replace* ]]
	run "${restore[@]}" --p12-password-file "$dir/secret/other" --replace restore "$dir/foreign" ITLRecovery.p12
	[[ $status = 0 && $output == *"under PBE-SHA1-3DES"* ]]
	PIN=$(<"$dir/secret/scratch-pin") scratch_tool "$dir" --token-label scratch --login \
		--pin env:PIN --list-objects --type privkey >"$dir/objects"
	grep -q 'ITLRecovery/demo/1$' "$dir/objects"
	grep -q 'ITLRecovery/demo/2$' "$dir/objects"
}

@test "prune keeps some, and always the last one that is proved" {
	sleep 1
	vault --plain backup
	sleep 1
	vault backup
	[ "$(objects | wc -l)" -ge 4 ]
	newest=$(objects | sort | tail -n 1)
	tend --keep 2 prune
	[ "$(objects | wc -l)" = 2 ]
	objects | grep -qxF "$newest"
	# The two newest are strangers': the proved one stays behind them.
	for year in 2098 2099; do
		cp "$dir/vault/$newest" "$dir/vault/${newest%-*}-${year}0101T000000Z.envelope"
	done
	tend --keep 1 prune
	objects | grep -qxF "$newest"
	rm "$dir"/vault/*-209[89]*
	good true
}

@test "prune does not take the good one away for the sake of a damaged one" {
	sleep 1
	vault backup
	mapfile -t two < <(objects | sort | tail -n 2)
	cp -p "$dir/vault/${two[1]}" "$dir/kept"
	flip "$dir/vault/${two[1]}" 99
	tend --keep 1 prune
	objects | grep -qxF "${two[0]}"
	vault verify demo "${two[0]}"
	cp -p "$dir/kept" "$dir/vault/${two[1]}"
}

@test "an empty vault is no backup, whatever was proved before" {
	mkdir "$dir/aside"
	mv "$dir"/vault/* "$dir/aside"
	ask_front "$dir" '{"do":"vault-check"}' >/dev/null
	good false
	wait_until alerts ITLRecoveryNotBackedUp 1
	run tend --password-file "$admin" --yes seal
	[ "$status" = 3 ]
	mv "$dir"/aside/* "$dir/vault"
	ask_front "$dir" '{"do":"vault-check"}' | jq -e '.result.vaults[0].ok'
	good true
}

@test "no secret is left in the memory of keyd, front, itlctl and itlvault" {
	is_release || skip "in a Release build: a sanitizer keeps freed memory"
	vault --plain backup "$dir/plain"
	secret_patterns "$(echo "$dir"/plain/*.p12 | tr ' ' '\n' | tail -n 1)" "$security" \
		"$admin" "$dir/secret/pin" >"$dir/secret/patterns"
	[ "$(wc -l <"$dir/secret/patterns")" -ge 9 ]
	services=("$(pgrep -f "^keyd --config $dir/etc")" "$(pgrep -f "^front --config $dir/etc")")
	scan "$dir/secret/patterns" "${services[@]}"
	# At their exit: an export, and the key brought back.
	scan "$dir/secret/patterns" -- "$dir/bin/itlvault" --config "$dir/etc" --password-file "$admin" \
		--security-password-file "$security" backup
	scan "$dir/secret/patterns" -- "$dir/bin/itlvault" --config "$dir/etc" --password-file "$admin" \
		--security-password-file "$security" restore
	scratch_token "$dir" scratch2
	scan "$dir/secret/patterns" -- "$dir/bin/itlvault" --config "$dir/etc" --password-file "$admin" \
		--security-password-file "$security" --token pkcs11:token=scratch2 \
		--pin-file "$dir/secret/scratch2-pin" restore
	cp -p "$security" "$dir/secret/same"
	scan "$dir/secret/patterns" -- "$dir/bin/itlctl" --config "$dir/etc" --password-file "$admin" \
		--security-password-file "$security" --new-password-file "$dir/secret/same" \
		set password user security
	scan "$dir/secret/patterns" "${services[@]}"
	# The scan finds what is there: a shell that read the file.
	printf 'control %s\n' "$(printf PATH= | od -An -tx1 | tr -d ' \n')" >"$dir/secret/one"
	grep '^file0 ' "$dir/secret/patterns" >>"$dir/secret/one"
	run "$bin/memscan" "$dir/secret/one" -- bash -c 'x=$(<"$1"); exit 0' - "$security"
	[ "$status" = 1 ]
	[[ $output == *"found file0"* ]]
	vault backup
}

@test "sealed, the key makes no more backups, and still resets" {
	run setsid "$dir/bin/itlvault" --config "$dir/etc" --password-file "$admin" seal </dev/null
	[ "$status" = 2 ] # nobody answered
	tend --password-file "$admin" --yes seal
	run vault backup
	[ "$status" = 3 ]
	run show backup
	[[ $output == *sealed* ]]
	ctl utils itl reset localkey --yes
	demo_ctl "$dir" audit verify
}
