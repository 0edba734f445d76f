#!/usr/bin/env bats
# The trust store on a whole cluster: certificates of another one, made by openssl, go in
# and out; the file is read by a reader of the test's own, and verified by openssl. Each
# test goes on where the one before ended.

setup_file() {
	load helper
	make_cluster
	other_cluster "$dir/other"
	start_cluster --security-password-file "$dir/secret/security-password"
}

setup() {
	load helper
	other=$dir/other
	file=$dir/state/trust/TrustFile.tlv
}

teardown_file() {
	load helper
	remove_cluster
}

certificate() { # NAME SUBJECT KEY-ARG...
	local name=$1 subject=$2
	shift 2
	openssl req -x509 -nodes -days 30 -subj "$subject" -keyout "$name.key" -out "$name.pem" \
		"$@" 2>/dev/null
}

# Two CallManagers and a recovery key; a server of EC; one of long ago; two authorities
# that gave one serial number.
other_cluster() { # DIR
	mkdir "$1"
	certificate "$1/cm1" "/CN=cm1.old.example/O=old" -newkey rsa:2048
	certificate "$1/cm2" "/CN=cm2.old.example/O=old" -newkey rsa:2048
	certificate "$1/recovery" "/CN=ITLRECOVERY_old.example/O=old" -newkey rsa:2048
	certificate "$1/app" "/CN=app.old.example/O=old" -newkey ec -pkeyopt ec_paramgen_curve:P-256
	openssl req -new -key "$1/cm1.key" -subj "/CN=past.old.example" -out "$1/past.csr"
	openssl x509 -req -in "$1/past.csr" -signkey "$1/cm1.key" -not_before 20100101000000Z \
		-not_after 20150101000000Z -out "$1/past.pem" 2>/dev/null ||
		faketime_cert "$1"
	for ca in a b; do
		certificate "$1/ca-$ca" "/CN=authority $ca" -newkey rsa:2048
		openssl x509 -req -in "$1/past.csr" -CA "$1/ca-$ca.pem" -CAkey "$1/ca-$ca.key" \
			-set_serial 4711 -days 30 -out "$1/by-$ca.pem" 2>/dev/null
	done
	cat "$1/cm1.pem" "$1/cm2.pem" >"$1/callmanagers.pem"
	openssl x509 -in "$1/recovery.pem" -outform DER -out "$1/recovery.der"
}

# Where openssl cannot set the times: the same, by another library.
faketime_cert() { # DIR
	python3 - "$1" <<-'END'
		import datetime, sys
		from cryptography import x509
		from cryptography.hazmat.primitives import hashes, serialization
		d = sys.argv[1]
		key = serialization.load_pem_private_key(open(d + "/cm1.key", "rb").read(), None)
		name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "past.old.example")])
		day = datetime.datetime
		cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
			.public_key(key.public_key()).serial_number(77)
			.not_valid_before(day(2010, 1, 1)).not_valid_after(day(2015, 1, 1))
			.sign(key, hashes.SHA256()))
		open(d + "/past.pem", "wb").write(cert.public_bytes(serialization.Encoding.PEM))
	END
}

admin() {
	demo_ctl "$dir" --password-file "$dir/secret/admin-password" "$@"
}

sha1() { # PEM
	openssl x509 -in "$1" -outform DER | sha1sum | cut -d' ' -f1
}

# What the file says, a line each: "SHA-1 ROLE ttl=N"; its signature and what that covers
# go to $dir/signature and $dir/signed. Read by hand: nothing of the project is in it.
read_file() { # FILE
	python3 - "$1" "$dir" <<-'END'
		import hashlib, struct, sys
		b = open(sys.argv[1], "rb").read()
		def tlv(b, at):
		    return b[at], b[at + 3:at + 3 + struct.unpack(">H", b[at + 1:at + 3])[0]]
		head = struct.unpack(">H", b[8:10])[0]
		at, name, signature = 0, None, None
		while at < head:
		    if b[at] == 13:
		        at += 1
		        continue
		    tag, value = tlv(b, at)
		    if tag == 12:
		        signature, before, after = value, at, at + 3 + len(value)
		    if tag == 14:
		        name = value
		    at += 3 + len(value)
		assert name == b"TrustFile.tlv\0", name
		open(sys.argv[2] + "/signature", "wb").write(signature)
		open(sys.argv[2] + "/signed", "wb").write(b[:before] + b[after:])
		while at < len(b):
		    end = at + struct.unpack(">H", b[at + 3:at + 5])[0]
		    tags = {}
		    while at < end:
		        tag, value = tlv(b, at)
		        tags[tag] = value
		        at += 3 + len(value)
		    print(hashlib.sha1(tags[9]).hexdigest(), int.from_bytes(tags[4], "big"),
		          tags[2].rstrip(b"\0").decode())
	END
}

# The file holds just these lines, and the current Audit key signed it.
file_is() { # LINE...
	read_file "$file" >"$dir/lines"
	printf '%s\n' "$@" | cmp - "$dir/lines"
	ctl show cert own Audit --json | jq -r .result.pem | openssl x509 -noout -pubkey >"$dir/audit.pub"
	openssl dgst -sha256 -verify "$dir/audit.pub" -signature "$dir/signature" "$dir/signed"
}

entries() { # how many were added
	ctl trust list --json | jq '[.result.certs[] | select(.own == null)] | length'
}

restart_front() {
	kill -KILL "$(pgrep -f "^front --config $dir/etc")"
	wait_until ctl trust list >/dev/null
}

@test "at first the cluster's own certificates alone are there" {
	[ ! -e "$file" ]
	[ "$(mode_of "$dir/state/trust")" = "itlkeeper-front:itlkeeper-front 755" ]
	ctl trust list | tee "$dir/said"
	contains "$dir/said" 'of this cluster: CallManager/n1/1'
	contains "$dir/said" 'of this cluster: ITLRecovery/demo/1'
	[ "$(grep -c Audit "$dir/said")" = 0 ]
	[ "$(entries)" = 0 ]
}

@test "trust add: two CallManagers of one PEM, a recovery key in DER" {
	admin trust add "$other/callmanagers.pem" --roles CallManager --dry-run
	[ ! -e "$file" ]
	admin trust add "$other/callmanagers.pem" --roles CallManager --yes | tee "$dir/said"
	contains "$dir/said" '+ CN=cm2.old.example;O=old'
	admin trust add "$other/recovery.der" --roles ITLRecovery --ttl 3600 --yes
	file_is "$(sha1 "$other/cm1.pem") 0 ttl=86400" "$(sha1 "$other/cm1.pem") 2 ttl=86400" \
		"$(sha1 "$other/cm2.pem") 0 ttl=86400" "$(sha1 "$other/cm2.pem") 2 ttl=86400" \
		"$(sha1 "$other/recovery.pem") 0 ttl=3600"
	[ "$(mode_of "$file")" = "itlkeeper-front:itlkeeper-front 644" ]
	runuser -u itlkeeper-tvs -- cat "$file" | cmp - "$file"
	[ "$(entries)" = 3 ]
	ctl trust list | grep -A1 "^$(sha1 "$other/recovery.pem")  SAST .* 3600 " | grep -q ITLRECOVERY_old
	# Who did what, in keyd's words and in front's.
	grep '"event":"trust"' "$dir/state/keyd/audit.log" | tail -n 1 |
		grep '"key":"Audit/demo/1"' | grep -q "certificates=3 add=$(sha1 "$other/recovery.pem"):SAST:3600 "
	grep -q '"event":"front.trust-set"' "$dir/state/keyd/audit.log"
	# The same once more changes nothing.
	cp "$file" "$dir/before"
	ctl trust add "$other/recovery.der" --roles SAST --ttl 3600 | grep -q 'so already'
	cmp "$file" "$dir/before"
}

refused() { # STATUS TEXT ARG... of admin
	local status_wanted=$1 text=$2
	shift 2
	run admin "$@"
	echo "$output"
	[ "$status" = "$status_wanted" ]
	[[ $output == *"$text"* ]]
	cmp "$file" "$dir/before"
}

@test "what is refused changes nothing" {
	cp "$file" "$dir/before"
	(umask 077 && echo wrong >"$dir/secret/wrong")
	run ctl --password-file "$dir/secret/wrong" trust add "$other/by-a.pem" --roles CAPF --yes
	echo "$output"
	[ "$status" = 3 ]
	cmp "$file" "$dir/before"
	nobody=(setpriv --reuid nobody --regid nogroup --clear-groups "$dir/bin/itlctl" --config "$dir/etc")
	"${nobody[@]}" trust list >/dev/null
	run "${nobody[@]}" trust add "$other/by-a.pem" --roles CAPF --yes
	echo "$output"
	[ "$status" = 3 ]
	echo 'no certificate' >"$dir/text"
	head -c 2000000 /dev/zero >"$dir/zeros"
	refused 2 'holds no certificate' trust add "$dir/text" --roles SAST --yes
	refused 1 zeros trust add "$dir/zeros" --roles SAST --yes
	refused 2 'what are the certificates for' trust add "$other/by-a.pem" --yes
	refused 3 'RSA keys of 1024, 2048 or 4096' trust add "$other/app.pem" --roles CallManager --yes
	ctl show cert own CallManager --json | jq -r .result.pem >"$dir/own.pem"
	refused 3 'certificate of this cluster' trust add "$dir/own.pem" --roles SAST --yes
	refused 5 FILENAME trust add "$dir/tftp/test10pub/ITLFile.tlv" --yes
	refused 1 'no certificate that was added' trust remove test10pub.joemar2.lab --yes
}

@test "an EC key, an expired one, one serial number of two authorities" {
	cat "$other"/{app,past,by-a,by-b}.pem >"$dir/odd.pem"
	admin trust add "$dir/odd.pem" --roles CAPF --yes | grep -q 'EXPIRED on 2015-01-01'
	ctl trust list | grep -q EXPIRED
	[ "$(entries)" = 7 ]
	grep '"event":"trust"' "$dir/state/keyd/audit.log" | tail -n 1 | grep -q expired=1
}

@test "trust remove: by name, by SHA-1" {
	run admin trust remove past.old.example --yes
	[ "$status" = 2 ]
	[[ $output == *"several certificates have this name"* ]]
	admin trust remove "$(sha1 "$other/past.pem")" "$(sha1 "$other/by-a.pem")" \
		"$(sha1 "$other/by-b.pem")" app.old.example --yes
	admin trust remove 'CN=cm2.old.example;O=old' --yes --json |
		jq -e --arg s "$(sha1 "$other/cm2.pem")" '.result.removed == [$s] and .result.certificates == 2'
	file_is "$(sha1 "$other/cm1.pem") 0 ttl=86400" "$(sha1 "$other/cm1.pem") 2 ttl=86400" \
		"$(sha1 "$other/recovery.pem") 0 ttl=3600"
}

@test "front writes the file again; without its state it takes up the file" {
	cp "$file" "$dir/before"
	rm "$file"
	restart_front
	cmp "$file" "$dir/before"
	flip "$file" 700
	restart_front
	cmp "$file" "$dir/before"
	contains "$dir/log" event=trust-file
	demo_stop "$dir"
	rm "$dir/state/front/state.db"*
	demo_start "$dir"
	[ "$(entries)" = 2 ]
	cmp "$file" "$dir/before"
	admin trust add "$other/cm2.pem" --roles CallManager --yes
	[ "$(entries)" = 3 ]
}

@test "a backup has it, and an administrator brings it back where its signature is nobody's" {
	vault=(demo_vault "$dir" --password-file "$dir/secret/admin-password"
		--security-password-file "$dir/secret/security-password")
	"${vault[@]}" backup
	"${vault[@]}" --state "$dir/old" restore "$dir/vault" | tee "$dir/said"
	contains "$dir/said" "itlctl trust add $dir/old/TrustFile.tlv"
	cmp "$dir/old/TrustFile.tlv" "$file"
	# As of another token: front has a file that this one's Audit key did not sign.
	demo_stop "$dir"
	rm "$dir/state/front/state.db"*
	flip "$file" 250 # of the signature
	cp "$file" "$dir/before"
	demo_start "$dir"
	ctl trust list 2>&1 >/dev/null | grep -q 'TVS does not use the trust file'
	refused 5 'not signed by an Audit key of this token' trust add "$other/app.pem" --roles TVS --yes
	admin trust add "$dir/old/TrustFile.tlv" --yes | tee "$dir/said"
	contains "$dir/said" '+ CN=cm1.old.example;O=old'
	file_is "$(sha1 "$other/cm1.pem") 0 ttl=86400" "$(sha1 "$other/cm1.pem") 2 ttl=86400" \
		"$(sha1 "$other/recovery.pem") 0 ttl=3600" \
		"$(sha1 "$other/cm2.pem") 0 ttl=86400" "$(sha1 "$other/cm2.pem") 2 ttl=86400"
	ctl trust list 2>&1 >/dev/null | cmp - /dev/null
}
