#!/usr/bin/env bats
# Certificates of an authority, made by openssl (a root and one below it), on a whole
# cluster: request, signature, import, and the lists that phones get.

setup_file() {
	load helper
	make_cluster # of an empty folder
	authority "$dir/ca"
	start_cluster
}

setup() {
	load helper
	ca=$dir/ca
}

teardown_file() {
	load helper
	remove_cluster
}

# A root, one below it, and a stranger.
authority() { # DIR
	mkdir "$1"
	for name in root stranger; do
		openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/O=tests/CN=$name" \
			-keyout "$1/$name.key" -out "$1/$name.pem" 2>/dev/null
	done
	openssl req -newkey rsa:2048 -nodes -subj "/O=tests/CN=middle" \
		-keyout "$1/middle.key" -out "$1/middle.csr" 2>/dev/null
	printf '%s\n' basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign \
		>"$1/authority.ext"
	openssl x509 -req -in "$1/middle.csr" -CA "$1/root.pem" -CAkey "$1/root.key" -days 20 \
		-extfile "$1/authority.ext" -out "$1/middle.pem" 2>/dev/null
}

sign() { # CSR OUT: by the one below the root, with what the request asks for
	openssl x509 -req -in "$1" -CA "$ca/middle.pem" -CAkey "$ca/middle.key" -days 10 \
		-copy_extensions copyall -out "$2" 2>/dev/null
}

admin() {
	demo_ctl "$dir" --password-file "$dir/secret/admin-password" "$@"
}

generation() { # UNIT
	ctl show cert own "$1" --json | jq .result.generation
}

serial_of() { # PEM
	openssl x509 -in "$1" -noout -serial | cut -d= -f2
}

@test "set csr gen: the request alone on stdout, and nothing in force changes" {
	admin set csr gen CallManager >"$dir/ccm.csr" 2>"$dir/said"
	contains "$dir/said" 'Successfully Generated CSR for CallManager'
	[ "$(head -n 1 "$dir/ccm.csr")" = '-----BEGIN CERTIFICATE REQUEST-----' ]
	openssl req -in "$dir/ccm.csr" -verify -noout
	openssl req -in "$dir/ccm.csr" -noout -text >"$dir/text"
	contains "$dir/text" 'CN = test10pub.joemar2.lab'
	contains "$dir/text" 'TLS Web Server Authentication, TLS Web Client Authentication, IPSec End System'
	contains "$dir/text" 'Digital Signature, Key Encipherment, Data Encipherment, Key Agreement, Certificate Sign'
	[ "$(generation CallManager)" = 1 ]
	[ "$(ctl show status --json | jq -c .result.holds)" = '[]' ]
	ctl show csr own CallManager | cmp - "$dir/ccm.csr"
	ctl key incomplete | tee "$dir/halves"
	contains "$dir/halves" CallManager/n1/2
	contains "$dir/halves" 'It waits for its certificate.'
	run admin key tidy --yes
	[[ $output == *"Kept: CallManager/n1/2: waits for its certificate"* ]]
	run admin set csr gen ITLRecovery
	[ "$status" = 3 ]
	[[ $output == *"last resort"* ]]
}

import_fails() { # STATUS TEXT ARG...
	run admin set cert import CallManager "${@:3}" --yes --force
	echo "$output"
	[ "$status" = "$1" ]
	[[ $output == *"$2"* ]]
	[ "$(generation CallManager)" = 1 ]
}

@test "set cert import: what is wrong is named, and nothing changes" {
	sign "$dir/ccm.csr" "$dir/ccm.pem"
	cat "$ca/middle.pem" "$ca/root.pem" >"$dir/chain"
	import_fails 5 'is missing, that of "CN=middle,O=tests"' "$dir/ccm.pem"
	import_fails 5 'is missing, that of "CN=root,O=tests"' "$dir/ccm.pem" --ca "$ca/middle.pem"
	cat "$ca/middle.pem" "$ca/stranger.pem" >"$dir/other"
	import_fails 5 'is missing, that of "CN=root,O=tests"' "$dir/ccm.pem" --ca "$dir/other"
	cat "$dir/chain" "$dir/ccm.pem" >"$dir/backwards"
	import_fails 2 'is not the first of them' "$dir/backwards"
	import_fails 3 "another key's" "$dir/chain"
	sign_late "$dir/ccm.csr" "$dir/old.pem"
	import_fails 5 'has expired' "$dir/old.pem" --ca "$dir/chain"
	ctl audit verify
	contains "$dir/state/keyd/audit.log" '"event":"cert-import"'
	[ "$(ctl show status --json | jq -c .result.holds)" = '[]' ]
}

# Signed for a time that is over.
sign_late() { # CSR OUT
	python3 - "$1" "$ca/middle.pem" "$ca/middle.key" "$2" <<-'END'
		import datetime, sys
		from cryptography import x509
		from cryptography.hazmat.primitives import hashes, serialization
		read = lambda i: open(sys.argv[i], "rb").read()
		csr, by = x509.load_pem_x509_csr(read(1)), x509.load_pem_x509_certificate(read(2))
		key = serialization.load_pem_private_key(read(3), None)
		now = datetime.datetime.utcnow()
		b = x509.CertificateBuilder(by.subject, csr.subject, csr.public_key(), 77,
		    now - datetime.timedelta(9), now - datetime.timedelta(1))
		out = b.sign(key, hashes.SHA256())
		open(sys.argv[4], "wb").write(out.public_bytes(serialization.Encoding.PEM))
	END
}

@test "over a restart it waits still; then it is imported, and the next list holds it" {
	demo_stop "$dir"
	without_tvs # which the judge of lockouts says
	demo_start "$dir"
	ctl show csr own CallManager | cmp - "$dir/ccm.csr"
	run admin set cert import CallManager "$dir/ccm.pem" --ca "$dir/chain" --yes
	[ "$status" = 3 ]
	[[ $output == *"its phones would be locked"* ]]
	run admin set cert import CallManager "$dir/ccm.pem" --ca "$dir/chain" --yes --force
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"Successfully Imported Certificate for CallManager."* ]]
	[ "$(generation CallManager)" = 2 ]
	[[ $(ctl show cert own CallManager) == *"Issuer: CN=middle"* ]]
	[[ $(ctl key incomplete) == "Nothing is incomplete." ]]
	run ctl show csr own CallManager
	[ "$status" = 1 ]
	# A regeneration's pause, for it and over it.
	[ "$(ctl show status --json | jq -r '.result.holds[0].unit')" = CallManager ]
	run admin set cert regen TVS --yes
	[ "$status" = 3 ]
	[[ $output == *"CallManager certificate was modified in the last 5 minutes"* ]]
	admin utils service restart Cisco Tftp --force
	curl -s "tftp://127.0.0.1:$(<"$dir/node/test10pub/port")/ITLFile.tlv" >"$dir/itl"
	run ctl file verify "$dir/itl" "$dir/ccm.pem"
	echo "$output"
	[ "$status" = 0 ]
	ctl file verify "$dir/itl"
	serial=$(serial_of "$dir/ccm.pem")
	ctl show itl --json | jq -r '.result.records[].serial' | tr -d : >"$dir/serials"
	[ "$(grep -ciF "$serial" "$dir/serials")" = 2 ] # as signer, and for TFTP
}

@test "TVS and CAPF too; a second request gives the first one up" {
	admin set csr gen TVS --node test10sub >"$dir/first.csr" 2>/dev/null
	admin set csr gen TVS --node test10sub >"$dir/tvs.csr" 2>/dev/null
	sign "$dir/first.csr" "$dir/first.pem"
	sign "$dir/tvs.csr" "$dir/tvs.pem"
	run admin set cert import TVS "$dir/first.pem" --ca "$dir/chain" --node test10sub --yes --force
	[ "$status" = 3 ]
	[[ $output == *"another key's"* ]]
	admin set cert import TVS "$dir/tvs.pem" --ca "$dir/chain" --node test10sub --yes --force
	admin set csr gen CAPF >"$dir/capf.csr" 2>/dev/null
	sign "$dir/capf.csr" "$dir/capf.pem"
	cat "$dir/capf.pem" "$dir/chain" >"$dir/capf.all"
	admin set cert import CAPF "$dir/capf.all" --yes --force --json | jq -e '.result.unit == "CAPF"'
	grep '"event":"front.cert-import"' "$dir/state/keyd/audit.log" | tail -n 1 >"$dir/entry"
	contains "$dir/entry" 'unit=CAPF node=- uid=0 force=yes overrode='
	contains "$dir/entry" 'CallManager certificate was modified'
	for node in test10pub test10sub; do
		admin --node "$node" utils service restart Cisco Tftp --force
		ctl show itl "$node" --json | jq -r '.result.records[].serial' | tr -d : >"$dir/serials"
		grep -qiF "$(serial_of "$dir/tvs.pem")" "$dir/serials"
		grep -qiF "$(serial_of "$dir/capf.pem")" "$dir/serials"
	done
	ctl audit verify
	# What waits is given up by name alone.
	admin set csr gen CAPF >/dev/null 2>&1
	label=$(ctl key incomplete --json | jq -r '.result.incomplete[0].label')
	admin key tidy "$label" --force --yes
	run ctl show csr own CAPF
	[ "$status" = 1 ]
}
