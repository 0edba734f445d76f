#!/usr/bin/env bats
# A token that survives, on a cluster of real parts: its folder goes and comes back,
# its disk is full, a login was cut off, a generation left a half.

setup_file() {
	load helper
	make_cluster
	start_cluster --security-password-file "$dir/secret/security-password"
}

setup() {
	load helper
	ctl_password=$dir/secret/admin-password
	folder=$(echo "$dir"/token/*-*)
}

teardown_file() {
	load helper
	[[ -z ${dir-} ]] || {
		demo_stop "$dir"
		! mountpoint -q "$dir/token" || umount -l "$dir/token"
		rm -rf "$dir"
	}
}

look() { # ARG...: a command that takes no password
	demo_ctl "$dir" "$@"
}

keyd_pid() {
	pgrep -f "^keyd --config $dir/etc"
}

# keyd signs: each node's list is made anew, with a new time.
signs() {
	ctl utils service restart Cisco Tftp --force --json >/dev/null 2>&1 && keyd_answers
}

keyd_answers() {
	look key incomplete >/dev/null 2>&1
}

generate() {
	ctl set cert regen TVS --force --yes
}

# How many complete keys the token has, of all generations.
certificates() {
	look show cert list own --json | jq '.result.certs | length'
}

restart_keyd() {
	local pid
	pid=$(keyd_pid)
	kill -9 "$pid"
	wait_until is_gone "$pid"
	wait_until keyd_answers
}

# The launcher too: its pauses are short again.
start_anew() {
	demo_stop "$dir"
	demo_start "$dir"
}

# A pair without a certificate, as a generation leaves it that was cut off.
half() { # LABEL ID
	PIN=$(<"$dir/secret/pin") demo_pkcs11_tool "$dir" --token-label itlkeeper-demo \
		--login --pin env:PIN --keypairgen --key-type rsa:1024 --label "$1" --id "$2"
}

@test "keyd keeps a copy of the token's file, for its user alone" {
	copy=$(echo "$dir"/state/keyd/softhsm/*.proved)
	[[ $(basename "$copy" .proved) = $(basename "$folder") ]]
	[ "$(mode_of "$copy")" = "$(mode_of "$folder/token.object")" ]
	[ "$(stat -c %a "$dir/state/keyd/softhsm")" = 700 ]
}

@test "a token whose file a login left empty is there again" {
	before=$(certificates)
	: >"$folder/token.object"
	restart_keyd
	[ "$(stat -c %s "$folder/token.object")" -ge 300 ]
	[ "$(certificates)" = "$before" ]
	contains "$dir/log" "event=token-put-back"
	grep -q 'token-put-back=1' "$dir/state/keyd/audit.log"
	signs
}

@test "a token folder that vanished and returned signs again by itself" {
	mv "$folder" "$dir/away"
	run generate
	[ "$status" != 0 ]
	wait_until contains "$dir/log" "event=token-folder "
	[ -z "$(ls "$dir/token")" ] # nothing was made in its place
	mv "$dir/away" "$folder"
	wait_until keyd_answers
	signs
	run look show itl
	[ "$status" = 0 ]
	[[ $output == *"verified successfully"* ]]
	[ "$(ls "$dir/token")" = "$(basename "$folder")" ]
}

@test "a half of a generation is named, and removed on request" {
	half TVS/n1/77 00112233445566778899aabbccddeeff
	# Empty files of objects, as a kill leaves them too, disturb nobody.
	runuser -u itlkeeper-keyd -- touch "$folder/00000000-0000-0000-0000-000000000000.object"
	start_anew
	run look key incomplete
	echo "$output"
	[[ $output == *TVS/n1/77*00112233445566778899aabbccddeeff*"private key, public key"*"a certificate"*unknown* ]]
	before=$(certificates)
	run ctl key tidy --yes 00112233
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"Removed: TVS/n1/77"* ]]
	[ "$(look key incomplete --json | jq -c .result.incomplete)" = "[]" ]
	[ "$(certificates)" = "$before" ]
	grep '"event":"tidy"' "$dir/state/keyd/audit.log" | grep -q '"key":"TVS/n1/77".*"rc":"ok"'
	look audit verify
	signs
	rm "$folder/00000000-0000-0000-0000-000000000000.object"
}

@test "a full disk of the token loses nothing" {
	before=$(certificates)
	cp -a "$dir/token" "$dir/aside"
	mount -t tmpfs -o "size=1m,mode=0700,uid=itlkeeper-keyd" tmpfs "$dir/token" ||
		skip "no mounts here"
	cp -a "$dir/aside/." "$dir/token/"
	start_anew
	dd if=/dev/zero of="$dir/token/full" bs=4k status=none || true
	run generate
	echo "$output"
	[ "$status" = 4 ]
	[[ $output == *C_*token* ]]
	# A login that found no room: the token is there again when there is some.
	wait_until keyd_answers
	: >"$folder/token.object"
	dd if=/dev/zero of="$dir/token/full2" bs=4k status=none || true
	kill -9 "$(keyd_pid)"
	wait_until contains "$dir/log" "make room on the token's file system"
	rm "$dir"/token/full*
	wait_until keyd_answers
	[ "$(certificates)" = "$before" ]
	[ "$(look key incomplete --json | jq -c .result.incomplete)" = "[]" ]
	signs
	generate
	[ "$(certificates)" = $((before + 1)) ]
}
