#!/usr/bin/env bats
# The audit log of a cluster of real parts: what an administrator, and who has only
# its lines, can find. Each test goes on where the one before ended.

setup_file() {
	load helper
	make_cluster
	printf '[keyd]\naudit-checkpoint-seconds = 1\n' >>"$dir/etc/keyd.conf"
	start_cluster --security-password-file "$dir/secret/security-password"
}

setup() {
	load helper
	log=$dir/state/keyd/audit.log
	security=$dir/secret/security-password
}

teardown_file() {
	load helper
	remove_cluster
}

member() { # NAME: of what verify says as JSON
	ctl audit verify --json | jq -r ".result.$1"
}

is_covered() {
	[ "$(member checkpoints)" -ge 1 ] && [ "$(member not_covered)" = 0 ]
}

audit_certificate() {
	ctl show cert list own --json | jq -r '.result.certs[] | select(.unit == "Audit") | .pem'
}

# The log is FILE while COMMAND... runs.
with_log() { # FILE COMMAND...
	local file=$1 rc=0
	shift
	mv "$log" "$log.away"
	cp "$file" "$log"
	"$@" || rc=$?
	mv "$log.away" "$log"
	return "$rc"
}

# A log as who has no key can make it: other users, and numbers and hashes anew.
forge() {
	python3 -c '
import hashlib, re, sys
head = bytes(32)
for n, line in enumerate(sys.stdin, 1):
    text = re.sub(r"^{.n.:\d+", "{\"n\":%d" % n, line[:line.index(",\"h\":")])
    text = re.sub(r"\"uid\":\d+", "\"uid\":4242", text)
    head = hashlib.blake2b(head + text.encode(), digest_size=32).digest()
    print(text + ",\"h\":\"%s\"}" % head.hex())'
}

@test "checkpoints of the cluster's key cover it, and published lists have its head" {
	wait_until is_covered
	[ "$(member trusted)" = true ]
	[ "$(member heads)" -ge 1 ]
	[ "$(member certificate)" = "$(ctl show cert list own --json |
		jq -r '.result.certs[] | select(.unit == "Audit") | .sha256')" ]
}

@test "openssl alone checks a checkpoint, as the manual says" {
	cd "$dir"
	audit_certificate | openssl x509 -noout -pubkey >audit.pub
	cp "$log" audit.log
	mandoc -T ascii "$root/signer/audit/itlkeeper-audit.5" | col -bx |
		sed -n '/^ *c=\$(grep/,/^ *openssl/p' | sed 's/^ *//' >example
	[ "$(wc -l <example)" = 5 ]
	run bash -e example
	echo "$output"
	[ "$output" = "Verified OK" ]
}

@test "an end that was cut off, and another log in its place, are found" {
	wait_until is_covered
	ctl utils service restart Cisco Tftp --force
	wait_until is_covered
	# a log that ends before the last published list
	entry=$(ask_front "$dir" '{"do":"audit"}' | jq '.result.lists[-1].entry')
	head -n $((entry - 1)) "$log" >"$dir/short"
	[ -s "$dir/short" ]
	run with_log "$dir/short" ctl audit verify
	echo "$output"
	[ "$status" = 5 ]
	[[ $output == *"was in it: with the list"* ]]
	# a whole other log: all hashes made anew
	forge <"$log" >"$dir/other"
	run with_log "$dir/other" ctl audit verify
	echo "$output"
	[ "$status" = 5 ] # by a checkpoint or a list's head, whichever is the first in it
	[[ $output == *"the checkpoint is one of another log"* ||
		$output == *"another head is recorded"* ]]
	audit_certificate >"$dir/audit.pem"
	run ctl audit verify --cert "$dir/audit.pem" "$dir/other"
	echo "$output"
	[ "$status" = 5 ]
	[[ $output == *"the checkpoint is one of another log"* ]]
	# and without what it cannot sign
	grep -v '"event":"\(checkpoint\|audit-cert\)"' "$log" | forge >"$dir/other"
	itlctl=$dir/bin/itlctl
	"$itlctl" audit verify "$dir/other"
	run with_log "$dir/other" ctl audit verify
	echo "$output"
	[ "$status" = 5 ]
	[[ $output == *"another head is recorded"* || $output == *"was in it"* ]]
	ctl audit verify
}

@test "a vault remembers where the log was" {
	demo_vault "$dir" --password-file "$dir/secret/admin-password" \
		--security-password-file "$security" backup
	run ctl --security-password-file "$security" audit verify --vault "$dir/vault"
	echo "$output"
	[ "$status" = 0 ]
	before=$(member heads)
	[ "$(ctl --security-password-file "$security" audit verify --json --vault "$dir/vault" |
		jq .result.heads)" = "$((before + 1))" ]
	head -n 3 "$log" >"$dir/short"
	run ctl --security-password-file "$security" audit verify --vault "$dir/vault" "$dir/short"
	echo "$output"
	[ "$status" = 5 ]
	[[ $output == *"in the backup ITLRecovery-"* ]]
}

@test "an export is as good as the log" {
	ctl audit export >"$dir/export"
	[ "$(wc -l <"$dir/export")" -gt 10 ]
	cmp -n "$(stat -c %s "$dir/export")" "$dir/export" "$log" # which may have grown
	ctl audit export --since 10 >"$dir/export"
	head -n 1 "$dir/export" | grep -q '^{"continues":9,'
	audit_certificate >"$dir/audit.pem"
	ctl audit verify --cert "$dir/audit.pem" "$dir/export"
	[ "$(ctl audit show --event generate --json | jq -r .event | sort -u)" = "generate
generate-begin" ]
	ctl audit show | grep -q "itl CallManager/"
}
