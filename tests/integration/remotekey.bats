#!/usr/bin/env bats
# The token is lost: what is left is a file on an SFTP server and a password. 20
# phones hold lists of the cluster as it was.

setup_file() {
	load helper
	make_cluster
	mkdir "$dir/sshd"
	"$root/tests/support/sshd" start "$dir/sshd"
	demo_start "$dir"
	init
	phones_are "ITL installed" 0
}

setup() {
	load helper
	ctl_password=$dir/secret/admin-password
	admin=$dir/secret/admin-password
	security=$dir/secret/security-password
	ssh=$dir/sshd
}

teardown_file() {
	load helper
	[[ -z ${dir-} ]] || {
		demo_stop "$dir"
		"$root/tests/support/sshd" stop "$dir/sshd"
		rm -rf "$dir"
	}
}

init() { # ARG...
	demo_ctl "$dir" --password-file "$dir/secret/admin-password" \
		--security-password-file "$dir/secret/security-password" cluster init --yes "$@"
}

# Resets all phones; each must end with this status line.
phones_are() { # STATUS EXIT
	local rc=0
	"$dir/phones" reset >"$dir/phones.txt" 2>"$dir/phones.err" || rc=$?
	[ "$rc" = "$2" ] || cat "$dir/phones.txt" "$dir/phones.err" >&2
	[ "$rc" = "$2" ]
	[ "$(grep -c "^SEP.*$1\$" "$dir/phones.txt")" = 20 ]
}

# Everything but the vault burns down; all keys are new.
disaster() {
	demo_stop "$dir"
	rm -rf "$dir/token" "$dir/state" "$dir/run"
	demo_token "$dir"
	demo_start "$dir"
}

url() { # PATH
	echo "sftp://$(<"$ssh/user")@127.0.0.1:$(<"$ssh/port")$1"
}

remote() { # PATH [OPTION VALUE]: reset remotekey, by password; one option is another
	local -A options=(
		[--security-password-file]=$security
		[--sftp-password-file]=$ssh/password
		[--known-hosts]=$ssh/known_hosts
		[--port]=$(<"$ssh/port")
	)
	local name given=()
	[[ -z ${2-} ]] || options[$2]=$3
	for name in "${!options[@]}"; do
		given+=("$name" "${options[$name]}")
	done
	ctl "${given[@]}" utils itl reset remotekey 127.0.0.1 "$(<"$ssh/user")" "$1"
}

served() { # NODE
	curl -s "tftp://127.0.0.1:$(<"$dir/node/$1/port")/ITLFile.tlv" | sha1sum
}

recovery_keys() {
	demo_ctl "$dir" show cert list own --json |
		jq -c '[.result.certs[] | select(.unit == "ITLRecovery") | [.generation, .current]]'
}

@test "file get tftp puts the bare p12 there, proves it, and keeps the one before" {
	get=(ctl --security-password-file "$security" --sftp-password-file "$ssh/password"
		--known-hosts "$ssh/known_hosts" file get tftp ITLRecovery.p12 "$(url "$ssh/vault")")
	run "${get[@]}" --yes
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"Number of files affected: 1"*"Transfer completed."*"Downloading file: /usr/local/cm/tftp/ITLRecovery.p12"* ]]
	[ -s "$ssh/vault/ITLRecovery.p12" ]
	openssl pkcs12 -in "$ssh/vault/ITLRecovery.p12" -passin "file:$security" -noout
	[ "$(demo_ctl "$dir" show backup --json | jq .result.good)" = true ]
	cp "$ssh/vault/ITLRecovery.p12" "$dir/first.p12"
	"${get[@]}" --yes
	cmp "$dir/first.p12" "$(echo "$ssh"/vault/ITLRecovery.p12.*)"
	openssl pkcs12 -in "$ssh/vault/ITLRecovery.p12" -passin "file:$security" -noout
	run ctl --node test10sub --security-password-file "$security" file get tftp ITLRecovery.p12
	[[ $status = 1 && $output == *"file not found"* ]]
}

@test "an envelope goes to the SFTP vault by key, and comes back proved" {
	vault=(demo_vault "$dir" --password-file "$admin" --security-password-file "$security"
		--identity "$ssh/key" --known-hosts "$ssh/known_hosts")
	"${vault[@]}" backup "$(url "$ssh/vault")"
	"${vault[@]}" verify "$(url "$ssh/vault")"
	run demo_vault "$dir" --identity "$ssh/key" --known-hosts "$ssh/known_hosts" \
		list "$(url "$ssh/vault")"
	[[ $output == *"proved, counts"* ]]
}

@test "after the disaster phones trust nothing of the new cluster" {
	disaster
	run init
	[ "$status" = 3 ] # phones hold the lists that are served there
	[[ $output == *"--restore VAULT"* ]]
	init --force
	phones_are "Trust List Update Failed" 5
}

@test "each way to fail has its words, and leaves everything as it was" {
	before="$(served test10pub) $(served test10sub) $(recovery_keys)"
	path=$ssh/vault/ITLRecovery.p12
	echo wrong >"$dir/secret/wrong"
	chmod 0600 "$dir/secret/wrong"
	head -c 700 "$path" >"$ssh/vault/cut.p12"
	echo nonsense >"$ssh/vault/text.p12"
	: >"$ssh/vault/empty.p12"
	openssl pkcs12 -in "$path" -passin "file:$security" -nodes -nocerts |
		openssl pkey -out "$dir/secret/pem"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/secret/k2" -subj /CN=other -days 99 \
		-out "$dir/c2" 2>/dev/null
	openssl req -x509 -newkey rsa:3072 -nodes -keyout "$dir/secret/k3" -subj /CN=large -days 99 \
		-out "$dir/c3" 2>/dev/null
	openssl pkcs12 -export -inkey "$dir/secret/k3" -in "$dir/c3" -passout "file:$security" \
		-out "$ssh/vault/large.p12"
	mixed_p12 "$dir/secret/pem" "$dir/c2" "$security" "$ssh/vault/mixed.p12"
	: >"$dir/nobody"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/otherhost"
	echo "[127.0.0.1]:$(<"$ssh/port") $(cut -d' ' -f1,2 "$dir/otherhost.pub")" >"$dir/changed"
	chmod 0644 "$ssh"/vault/*
	while IFS='|' read -r what words code options; do
		# shellcheck disable=SC2086
		run remote "$ssh/vault/$what" $options
		echo "$what $options: $status: $output"
		[ "$status" = "$code" ]
		[[ ${output,,} == *${words,,}* ]]
		[ "$(served test10pub) $(served test10sub) $(recovery_keys)" = "$before" ]
	done <<-END
		ITLRecovery.p12|publickey|3|--sftp-password-file $dir/secret/wrong
		ITLRecovery.p12|authenticity of host|2|--known-hosts $dir/nobody
		ITLRecovery.p12|changed|3|--known-hosts $dir/changed
		none.p12|no such file|1|
		ITLRecovery.p12|does not open|5|--security-password-file $dir/secret/wrong
		cut.p12|cut off|2|
		text.p12|no PKCS#12|2|
		empty.p12|empty|2|
		mixed.p12|match|3|
		large.p12|3072 bits, which a list cannot name|3|
	END
}

@test "reset remotekey: all 20 phones update, and a localkey reset works later" {
	run remote "$ssh/vault/ITLRecovery.p12"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"The reset ITL file was generated successfully"*"Cisco Tftp service restarted on host test10sub"* ]]
	phones_are "Trust List Updated" 0
	[ "$(recovery_keys)" = '[[2,true],[1,false]]' ]
	# The new key has no proved backup under this cluster's password yet.
	[ "$(demo_ctl "$dir" show backup --json | jq .result.good)" = false ]
	# TVS too: phones would ask it.
	for node in test10pub test10sub; do
		for unit in CallManager TVS; do
			ctl --node "$node" set cert regen "$unit" --force --yes
		done
		ctl --node "$node" utils service restart Cisco Tftp --force
	done
	demo_tvs_wait "$dir"
	phones_are "Trust List Update Failed" 5
	ctl utils itl reset localkey --yes
	phones_are "Trust List Updated" 0
}

@test "keyd keeps no copy of a key that it imported, nor does itlctl" {
	is_release || skip "in a Release build: a sanitizer keeps freed memory"
	secret_patterns "$ssh/vault/ITLRecovery.p12" "$security" "$admin" "$dir/secret/pin" \
		"$ssh/password" >"$dir/secret/patterns"
	scan "$dir/secret/patterns" "$(pgrep -f "^keyd --config $dir/etc")" \
		"$(pgrep -f "^front --config $dir/etc")"
	disaster
	init --force >/dev/null
	scan "$dir/secret/patterns" -- "$dir/bin/itlctl" --config "$dir/etc" --password-file "$admin" \
		--security-password-file "$security" --sftp-password-file "$ssh/password" \
		--known-hosts "$ssh/known_hosts" --port "$(<"$ssh/port")" \
		utils itl reset remotekey 127.0.0.1 "$(<"$ssh/user")" "$ssh/vault/ITLRecovery.p12"
	scan "$dir/secret/patterns" "$(pgrep -f "^keyd --config $dir/etc")" \
		"$(pgrep -f "^front --config $dir/etc")"
	phones_are "Trust List Updated" 0
}

@test "from an empty token to lists that phones accept, in one command" {
	disaster
	began=$(date +%s)
	run init --restore "$(url "$ssh/vault")" --identity "$ssh/key" --known-hosts "$ssh/known_hosts"
	echo "$output ($(($(date +%s) - began)) s)"
	[ "$status" = 0 ]
	phones_are "Trust List Updated" 0
	demo_ctl "$dir" audit verify
}
