#!/usr/bin/env bats
# Signed files of a whole cluster: what a phone gets is judged by a reader of its own,
# with OpenSSL's verification, and nothing of the project's.

setup_file() {
	load helper
	source "$root/tests/support/nodes.bash"
	make_cluster
	mkdir "$dir/ssh"
	ssh_node "$dir" n3 ssh true
	ssh_node "$dir" n4 sftp "" force=internal-sftp
	start_cluster
}

setup() {
	load helper
	password=$dir/secret/admin-password
	tree=$dir/tree
	rm -rf "$tree"
	install -d -m 0755 "$tree"
}

teardown_file() {
	load helper
	source "$root/tests/support/nodes.bash"
	[[ -z ${dir-} ]] || {
		demo_stop "$dir"
		ssh_node_stop "$dir" ssh
		ssh_node_stop "$dir" sftp
		rm -rf "$dir"
	}
}

# N files of 8 KB each.
fill() { # DIR N
	python3 - "$1" "$2" <<-'END'
		import os, sys
		body = os.urandom(8192)
		for i in range(int(sys.argv[2])):
		    with open("%s/SEP%012X.cnf.xml" % (sys.argv[1], i), "wb") as f:
		        f.write((b"<device>%d</device>" % i + body)[:8192])
	END
}

certificate() { # NODE: its CallManager certificate, as PEM
	ctl --node "$1" show cert own CallManager | sed -n '/BEGIN/,/END/p'
}

# Every .sgn of DIR is what a phone takes for the file beside it, signed by this
# certificate; prints how many there are. What begins with PREFIX is asked for so.
phones_take() { # DIR CERT-FILE [PREFIX]
	python3 - "$@" <<-'END'
		import os, sys
		from cryptography import x509
		from cryptography.hazmat.primitives import hashes
		from cryptography.hazmat.primitives.asymmetric import padding
		root, cert = sys.argv[1], x509.load_pem_x509_certificate(open(sys.argv[2], "rb").read())
		prefix = sys.argv[3] if len(sys.argv) > 3 else ""
		n = 0
		for folder, _, names in os.walk(root):
		    for name in names:
		        if name.startswith(".sgn-"):
		            sys.exit("left aside: " + name)
		        if not name.endswith(".sgn"):
		            continue
		        path = os.path.join(folder, name)
		        sgn, content = open(path, "rb").read(), open(path[:-4], "rb").read()
		        assert sgn[:5] == b"\x01\x00\x02\x01\x00", path
		        length = int.from_bytes(sgn[8:10], "big")
		        assert sgn[length:] == content, path + ": another content"
		        at, tags = 0, {}
		        while at < length:
		            tag = sgn[at]
		            if tag == 13:
		                at += 1
		                continue
		            size = int.from_bytes(sgn[at + 1:at + 3], "big")
		            tags[tag] = (at, sgn[at + 3:at + 3 + size])
		            at += 3 if tag in (3, 7, 9) else 3 + size
		        asked = prefix + os.path.relpath(path, root)
		        assert tags[14][1] == asked.encode() + b"\0", path + ": another name"
		        start, signature = tags[12]
		        message = sgn[:start] + sgn[start + 3 + len(signature):]
		        digest = {1: hashes.SHA1(), 3: hashes.SHA512()}[tags[8][1][0]]
		        cert.public_key().verify(signature, message, padding.PKCS1v15(), digest)
		        n += 1
		print(n)
	END
}

summary() { # the last line of a --json run: its member $1
	python3 -c 'import json, sys; print(json.loads(sys.stdin.readlines()[-1])["result"][sys.argv[1]])' "$1"
}

pid_of() { # PROGRAM
	pgrep -f "^$1 --config $dir/etc"
}

some_are_aside() { # DIR: a run is in the middle of it
	compgen -G "$1/.sgn-*.tmp" >/dev/null || compgen -G "$1/*.sgn" >/dev/null
}

@test "a tree is signed, and known as unchanged" {
	install -d "$tree/locale/en"
	fill "$tree" 20
	echo '<ring/>' >"$tree/locale/en/ringlist.xml"
	head -c 300000 /dev/urandom >"$tree/locale/large.jar"
	: >"$tree/empty.xml"
	certificate test10pub >"$dir/n1.pem"
	[ "$(ctl sign --dir "$tree" --dry-run --json | summary signed)" = 23 ]
	[ -z "$(find "$tree" -name '*.sgn')" ]
	[ "$(ctl sign --dir "$tree" --json | summary signed)" = 23 ]
	[ "$(phones_take "$tree" "$dir/n1.pem")" = 23 ]
	run ctl sign --dir "$tree"
	[ "$status" = 0 ]
	[[ $output == "0 signed, 23 unchanged, 0 refused in "* ]]
	echo more >>"$tree/empty.xml"
	[ "$(ctl sign --dir "$tree" --json | summary signed)" = 1 ]
	[ "$(ctl sign --dir "$tree" --digest sha512 --pattern '*.xml' --json | summary signed)" = 22 ]
	[ "$(phones_take "$tree" "$dir/n1.pem")" = 23 ]
	ctl sign --verify --dir "$tree"
	ctl sign --dir "$tree" --pattern '*.xlm' 2>&1 >/dev/null |
		grep -qF "warning: no file in $tree matches *.xlm"
}

@test "openssl dgst verifies one, too" {
	echo '<device/>' >"$tree/a.cnf.xml"
	ctl sign "$tree/a.cnf.xml"
	certificate test10pub | openssl x509 -noout -pubkey >"$dir/pub.pem"
	# Tag 12 is 03 bytes of head and 256 of signature, behind 7, 9, 8, 10 and 11.
	python3 - "$tree/a.cnf.xml.sgn" "$dir/message" "$dir/signature" <<-'END'
		import sys
		sgn = open(sys.argv[1], "rb").read()
		at = sgn.index(b"\x0c\x01\x00")
		open(sys.argv[2], "wb").write(sgn[:at] + sgn[at + 259:])
		open(sys.argv[3], "wb").write(sgn[at + 3:at + 259])
	END
	openssl dgst -sha1 -verify "$dir/pub.pem" -signature "$dir/signature" "$dir/message"
}

@test "names are as phones ask for them in the node's folder" {
	folder=$dir/tftp/test10pub
	install -d "$folder/locale"
	echo '<ring/>' >"$folder/locale/ring.xml"
	certificate test10pub >"$dir/n1.pem"
	(cd "$folder/locale" && ctl sign ring.xml)
	[ "$(phones_take "$folder/locale" "$dir/n1.pem" locale/)" = 1 ]
	[ "$(ctl sign --dir "$folder/locale" --json | summary unchanged)" = 1 ]
	[ "$(ctl sign --dir "$folder" --pattern 'locale/*' --json | summary unchanged)" = 1 ]
	# Elsewhere, a file has its own name; and files of two places have none.
	cp "$folder/locale/ring.xml" "$tree"
	ctl sign "$tree/ring.xml"
	[ "$(phones_take "$tree" "$dir/n1.pem")" = 1 ]
	run ctl sign "$tree/ring.xml" "$folder/locale/ring.xml"
	[ "$status" = 2 ]
	# A phone gets it.
	curl -s "tftp://127.0.0.1:$(<"$dir/node/test10pub/port")/locale/ring.xml.sgn" |
		cmp - "$folder/locale/ring.xml.sgn"
	rm -r "$folder/locale"
}

@test "another node's key, and whose it must be" {
	fill "$tree" 3
	ctl --node test10sub sign --dir "$tree"
	certificate test10sub >"$dir/n2.pem"
	[ "$(phones_take "$tree" "$dir/n2.pem")" = 3 ]
	ctl sign --verify --dir "$tree"
	run ctl --node test10pub sign --verify --dir "$tree"
	[ "$status" = 5 ]
}

@test "what is refused is named, and the rest is signed" {
	fill "$tree" 2
	ln -s /etc/passwd "$tree/absolute"
	ln -s ../secret/pin "$tree/out"
	ln -s SEP000000000000.cnf.xml "$tree/in.xml"
	mkfifo "$tree/fifo"
	truncate -s 16777217 "$tree/large"
	run ctl sign --dir "$tree"
	[ "$status" = 3 ]
	for name in absolute out fifo large; do
		[[ $output == *" on $name: "* || $output == *" on $name"* ]]
	done
	[[ $output == *"3 signed, 0 unchanged, 4 refused"* ]]
	[ ! -e "$tree/absolute.sgn" ]
	run ctl sign --dir "$tree" --json
	[ "$(grep -c '"event":"refused"' <<<"$output")" = 4 ]
	run ctl sign "$tree/missing"
	[ "$status" = 1 ]
	run ctl sign
	[ "$status" = 2 ]
}

@test "an edited signed file fails verification, and is made anew" {
	fill "$tree" 5
	ctl sign --dir "$tree"
	flip "$tree/SEP000000000003.cnf.xml.sgn" 4000
	run ctl sign --verify --dir "$tree"
	[ "$status" = 5 ]
	[[ $output == *SEP000000000003.cnf.xml.sgn* ]]
	[ "$(ctl sign --dir "$tree" --json | summary signed)" = 1 ]
	ctl sign --verify --dir "$tree"
	# The file alone has changed: that is told, and no fault of the signature.
	echo more >>"$tree/SEP000000000001.cnf.xml"
	run ctl sign --verify --dir "$tree"
	[ "$status" = 0 ]
	[[ $output == *"SEP000000000001.cnf.xml has changed since"* ]]
}

@test "who may sign, and who may write" {
	fill "$tree" 2
	chmod 0777 "$tree"
	nobody=(setpriv --reuid nobody --regid nogroup --clear-groups)
	run "${nobody[@]}" "$dir/bin/itlctl" --config "$dir/etc" sign --dir "$tree"
	[ "$status" = 3 ]
	[[ $output == *"group may ask this"* ]]
	[ -z "$(find "$tree" -name '*.sgn' -o -name '.sgn*')" ]
	setpriv --reuid nobody --regid nogroup --groups itlkeeper \
		"$dir/bin/itlctl" --config "$dir/etc" sign --dir "$tree"
	chmod 0755 "$tree"
	rm "$tree"/*.sgn
	run setpriv --reuid nobody --regid nogroup --groups itlkeeper \
		"$dir/bin/itlctl" --config "$dir/etc" sign --dir "$tree"
	[ "$status" = 3 ]
	[[ $output == *"may not be written to"* ]]
}

@test "a bar on a terminal, with rate and time left" {
	fill "$tree" 300
	script -qec "$dir/itlctl sign --dir $tree" /dev/null >"$dir/typescript"
	grep -q 'of 300, .*/s, .* left' "$dir/typescript"
	grep -q '300 signed, 0 unchanged, 0 refused' "$dir/typescript"
}

# ---- what is killed in the middle ----

many() { # IN-THE-SHORT-RUN
	if [[ -n ${ITLKEEPER_LONG-} ]]; then echo 40000; else echo "$1"; fi
}

@test "keyd is killed in the middle: the run goes on, and all verify" {
	n=$(many 600)
	fill "$tree" "$n"
	certificate test10pub >"$dir/n1.pem"
	ctl sign --dir "$tree" --json >"$dir/run.json" 3>&- &
	signing=$!
	wait_until some_are_aside "$tree"
	kill -KILL "$(pid_of keyd)"
	# The door answers meanwhile, and an operation runs.
	ctl show status >/dev/null
	ctl utils service restart Cisco Tftp >/dev/null
	wait "$signing"
	[ "$(summary signed <"$dir/run.json")" = "$n" ]
	[ "$(phones_take "$tree" "$dir/n1.pem")" = "$n" ]
	[ "$(ctl sign --dir "$tree" --json | summary unchanged)" = "$n" ]
}

@test "front is killed in the middle: the run goes on" {
	n=$(many 600)
	fill "$tree" "$n"
	certificate test10pub >"$dir/n1.pem"
	ctl sign --dir "$tree" --json >"$dir/run.json" 3>&- &
	signing=$!
	wait_until some_are_aside "$tree"
	kill -KILL "$(pid_of front)"
	wait "$signing"
	[ "$(summary signed <"$dir/run.json")" = "$n" ]
	[ "$(phones_take "$tree" "$dir/n1.pem")" = "$n" ]
}

@test "itlctl is killed in the middle: nothing is half written, the next run ends it" {
	n=$(many 4000) # it must not end before it is killed
	fill "$tree" "$n"
	certificate test10pub >"$dir/n1.pem"
	"$dir/bin/itlctl" --config "$dir/etc" sign --dir "$tree" >/dev/null 3>&- &
	signing=$!
	wait_until some_are_aside "$tree"
	kill -KILL "$signing"
	wait "$signing" || true
	ctl sign --verify --dir "$tree"
	ctl sign --dir "$tree"
	[ "$(phones_take "$tree" "$dir/n1.pem")" = "$n" ]
}

# ---- another certificate ----

@test "a new CallManager certificate: signed files follow with the restart" {
	folder=$dir/tftp/test10sub
	fill "$folder" 30
	ctl --node test10sub sign --dir "$folder" --pattern '*.cnf.xml'
	certificate test10sub >"$dir/old.pem"
	ctl --node test10sub --password-file "$password" set cert regen CallManager --force --yes
	certificate test10sub >"$dir/new.pem"
	[ "$(phones_take "$folder" "$dir/old.pem")" = 30 ]
	run ctl --node test10sub --password-file "$password" utils service restart Cisco Tftp --force
	[ "$status" = 0 ]
	[[ $output == *"signed files on host test10sub are of its new certificate: 30"* ]]
	[ "$(phones_take "$folder" "$dir/new.pem")" = 30 ]
	[ "$(ctl --node test10sub sign --dir "$folder" --pattern '*.cnf.xml' --json |
		summary unchanged)" = 30 ]
	# One that somebody edited is not signed: it is named, in the status too.
	flip "$folder/SEP000000000007.cnf.xml.sgn" 3000
	ctl --node test10sub --password-file "$password" set cert regen CallManager --force --yes
	run ctl --node test10sub --password-file "$password" utils service restart Cisco Tftp --force
	[ "$status" = 0 ]
	[[ $output == *SEP000000000007.cnf.xml.sgn* ]]
	run ctl show status
	[[ $(tr -s '[:space:]' ' ' <<<"$output") == *"of an old certificate"*SEP000000000007* ]]
	rm "$folder"/SEP*
}

@test "a reset brings the new certificate, and the publisher's files follow" {
	folder=$dir/tftp/test10pub
	fill "$folder" 10
	ctl sign --dir "$folder" --pattern '*.cnf.xml'
	ctl --password-file "$password" set cert regen CallManager --force --yes
	ctl --password-file "$password" utils itl reset localkey --yes
	certificate test10pub >"$dir/new.pem"
	[ "$(phones_take "$folder" "$dir/new.pem")" = 10 ]
}

# ---- and on a server ----

# The node's folder gets a copy of a tree of 3 N files that was signed here.
fill_server() { # NAME N
	mkdir -p "$tree/locale/de"
	fill "$tree" "$2"
	fill "$tree/locale" "$2"
	fill "$tree/locale/de" "$2"
	ctl --node "test10$1" sign --dir "$tree"
	cp -r "$tree/." "$dir/ssh/$1/vault"
	chown -R --reference="$dir/ssh/$1/vault" "$dir/ssh/$1/vault"
}

new_certificate() { # NAME
	ctl --node "test10$1" --password-file "$password" set cert regen CallManager --force --yes
	certificate "test10$1" >"$dir/$1.pem"
}

restart() { # NAME
	ctl --node "test10$1" --password-file "$password" utils service restart Cisco Tftp --force
}

# No job left anything there.
nothing_aside() { # NAME
	[ -z "$(find "$dir/ssh/$1/vault" -name '.*.tmp' -o -name '.*.old')" ]
}

@test "a new CallManager certificate: signed files on an SSH server follow" {
	folder=$dir/ssh/ssh/vault
	fill_server ssh 100
	chmod 0640 "$folder/locale/SEP000000000002.cnf.xml.sgn"
	new_certificate ssh
	flip "$folder/locale/de/SEP000000000001.cnf.xml.sgn" 3000
	edited=$(sha1sum <"$folder/locale/de/SEP000000000001.cnf.xml.sgn")
	run restart ssh
	[ "$status" = 0 ]
	[[ $output == *"signed files on host test10ssh are of its new certificate: 299"* ]]
	[[ $output == *"locale/de/SEP000000000001.cnf.xml.sgn"* ]]
	run ctl show status
	[[ $(tr -s '[:space:]' ' ' <<<"$output") == *"of an old certificate"*SEP000000000001* ]]
	[ "$(sha1sum <"$folder/locale/de/SEP000000000001.cnf.xml.sgn")" = "$edited" ]
	rm "$folder/locale/de/SEP000000000001.cnf.xml.sgn"
	[ "$(phones_take "$folder" "$dir/ssh.pem")" = 299 ]
	[ "$(stat -c %a "$folder/locale/SEP000000000002.cnf.xml.sgn")" = 640 ]
	nothing_aside ssh
	! contains "$dir/log" 'event=replaced node=n3'
	# Once.
	run restart ssh
	[[ $output != *"signed files"* ]]
}

@test "where the login has SFTP alone they follow, too; what a kill left is put right" {
	folder=$dir/ssh/sftp/vault
	fill_server sftp 20
	mv "$folder/SEP000000000003.cnf.xml.sgn" \
		"$folder/.SEP000000000003.cnf.xml.sgn.0123456789abcdef.old"
	new_certificate sftp
	run restart sftp
	[ "$status" = 0 ]
	[[ $output == *"signed files on host test10sftp are of its new certificate: 60"* ]]
	[ "$(phones_take "$folder" "$dir/sftp.pem")" = 60 ]
	nothing_aside sftp
	contains "$dir/log" 'event=replaced node=n4 atomic=no msg="signed files'
}

@test "front is killed in the middle: the next one goes on" {
	folder=$dir/ssh/sftp/vault
	fill_server sftp 100
	new_certificate sftp
	restart sftp >/dev/null 2>&1 3>&- &
	restarting=$!
	wait_until is_under_way "$folder"
	kill -KILL "$(pid_of front)"
	wait "$restarting" || true
	wait_until all_are_new sftp 300
	wait_until nothing_aside sftp # the last one's, too
}

is_under_way() { # DIR
	[[ -n $(find "$1" -name '.*.tmp' -o -name '.*.old') ]]
}

all_are_new() { # NAME N
	[ "$(phones_take "$dir/ssh/$1/vault" "$dir/$1.pem" 2>/dev/null)" = "$2" ]
}
