#!/usr/bin/env bats
# A cluster that ran with keys in files: they come into the token, and its phones
# accept the first list that the service signs.

setup() {
	load helper
	make_cluster
	files=$dir/files
	mkdir -m 0700 "$files" "$files/n2"
	admin=$dir/secret/admin-password
}

teardown() {
	[[ -z ${dir-} ]] || { demo_stop "$dir"; rm -rf "$dir"; }
}

# A key and its certificate as PEM: FILE.key.pem, FILE.crt.pem, and both in FILE.pem.
make_pair() { # FILE CN [BITS]
	openssl req -x509 -newkey "rsa:${3-2048}" -nodes -keyout "$1.key.pem" \
		-out "$1.crt.pem" -days 900 -subj "/C=US/O=old/CN=$2" 2>/dev/null
	cat "$1.key.pem" "$1.crt.pem" >"$1.pem"
}

# The old cluster: two nodes, served by the demo's own servers.
old_cluster() {
	old=$dir/old
	mkdir -m 0700 "$old"
	for name in cm1 cm2 tvs1 tvs2 capf sast; do
		make_pair "$old/$name" "$name.example"
	done
	"$bin/oldlist" "$dir/list1" "$old/cm1.pem" "$old/cm1.pem" "$old/capf.pem" \
		"$old/tvs1.pem" "$old/sast.pem" "$old/tvs2.pem"
	"$bin/oldlist" "$dir/list2" "$old/cm2.pem" "$old/cm2.pem" "$old/capf.pem" \
		"$old/tvs2.pem" "$old/sast.pem" "$old/tvs1.pem"
	install -m 0644 -o itlkeeper-front "$dir/list1" "$dir/tftp/test10pub/ITLFile.tlv"
	install -m 0644 -o itlkeeper-front "$dir/list2" "$dir/tftp/test10sub/ITLFile.tlv"
}

# Its files, of every kind that there is.
old_files() {
	cp "$old/cm1.pem" "$files/callmanager.pem"
	cp "$old/cm2.key.pem" "$files/n2/CallManager.key"
	cp "$old/cm2.crt.pem" "$files/n2/CallManager.crt"
	cp "$old/tvs1.crt.pem" "$files/TVS.pem"
	openssl rsa -in "$old/tvs1.key.pem" -aes256 -passout pass:of-the-file \
		-out "$files/TVS.key" 2>/dev/null
	openssl pkcs12 -export -in "$old/tvs2.pem" -passout pass:of-the-file -out "$files/n2/TVS.p12"
	openssl x509 -in "$old/capf.crt.pem" -outform DER -out "$files/CAPF.cer"
	cp "$old/capf.key.pem" "$files/CAPF.key"
	openssl pkcs12 -export -in "$old/sast.pem" -passout pass:of-the-file -out "$files/SAST.pfx"
	echo 'not a key' >"$files/notes.txt"
	(umask 077 && echo of-the-file >"$dir/secret/file-password")
}

import() { # ARG...
	demo_ctl "$dir" --password-file "$admin" --p12-password-file "$dir/secret/file-password" \
		cluster init --import "$files" "$@"
}

phones_are() { # STATUS
	"$dir/phones" reset >"$dir/phones.txt" 2>"$dir/phones.err" || true
	[ "$(grep -c "^SEP.*$1\$" "$dir/phones.txt")" = 20 ] || { cat "$dir/phones.txt"; false; }
}

@test "phones of the old lists accept the first lists of the service" {
	old_cluster
	old_files
	demo_start "$dir"
	phones_are 'ITL installed'
	# Without its keys the cluster would be locked.
	run demo_ctl "$dir" --password-file "$admin" --new-password-file "$admin" cluster init --yes
	[ "$status" = 3 ]

	sum=$(find "$files" -type f -exec sha256sum {} + | sort)
	run import
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"notes.txt"* ]]
	[ "$(grep -c 'proved by a test signature' <<<"$output")" = 6 ]
	[[ $output == *"shred -u '$files/n2/TVS.p12'"* ]]
	[ "$(find "$files" -type f -exec sha256sum {} + | sort)" = "$sum" ]

	# The same certificates are in the token, and nothing else was made but Audit.
	run demo_ctl "$dir" show cert list own --json
	for name in cm1 cm2 tvs1 tvs2 capf sast; do
		sha1=$(openssl x509 -in "$old/$name.crt.pem" -outform DER | sha1sum)
		[[ $output == *"${sha1%% *}"* ]]
	done
	[ "$(jq '.result.certs | length' <<<"$output")" = 7 ]
	for i in 1 2; do
		! cmp -s "$dir/tftp/${demo_nodes[i - 1]}/ITLFile.tlv" "$dir/list$i"
	done
	phones_are 'Trust List Updated'

	# A second run has nothing to do; another key of a unit is refused.
	run import
	[ "$status" = 0 ]
	[ "$(grep -c 'was in the token already' <<<"$output")" = 6 ]
	make_pair "$dir/other" other.example
	cp "$dir/other.pem" "$files/callmanager.pem"
	run import
	[ "$status" = 3 ]
	[[ $output == *CallManager/n1/1* ]]
}

@test "what does not fit is refused, and named" {
	old_cluster
	old_files
	demo_start "$dir"
	# A subscriber's folder of another name, or its CallManager missing: new keys
	# would be made, and its phones would refuse its list. Nothing is imported.
	mv "$files/n2" "$files/n2x"
	run import --new-password-file "$admin"
	echo "$output"
	[ "$status" = 2 ]
	[[ $output == *"$files/n2x: is no node"*"nodes are n1 (test10pub), n2 (test10sub)"* ]]
	mv "$files/n2x" "$files/n2"
	mv "$files/n2/CallManager.key" "$files/n2/CallManager.crt" "$dir"
	run import
	echo "$output"
	[ "$status" = 3 ]
	[[ $output == *"test10sub: $files/n2/CallManager.pem: there is none"*--force* ]]
	mv "$dir/CallManager.key" "$dir/CallManager.crt" "$files/n2"
	[ "$(demo_ctl "$dir" --json show cert list own | jq '[.result.certs[] | select(.unit != "Audit")] | length')" = 0 ]

	(umask 077 && echo wrong >"$dir/secret/file-password")
	run import
	echo "$output"
	[ "$status" = 5 ]
	[[ $output == *"$files/"* ]]
	echo of-the-file >"$dir/secret/file-password"

	cp "$old/cm1.key.pem" "$files/n2/CallManager.key" # of another certificate
	run import
	[ "$status" = 5 ]
	[[ $output == *"$files/n2/CallManager.crt"*"is not the certificate's"* ]]
	cp "$old/cm2.key.pem" "$files/n2/CallManager.key"

	rm "$files/CAPF.key"
	run import
	[ "$status" = 1 ]
	[[ $output == *"CAPF.cer: its private key is missing"* ]]
	cp "$old/capf.key.pem" "$files/CAPF.key"

	cp "$files/n2/TVS.p12" "$files/n2/tvs.pfx"
	run import
	[ "$status" = 2 ]
	[[ $output == *"two files are for one key"* ]]
	rm "$files/n2/tvs.pfx"

	# A list cannot name a signer of this size.
	make_pair "$dir/large" large.example 3072
	mv "$files/callmanager.pem" "$dir"
	cp "$dir/large.pem" "$files/CallManager.pem"
	run import
	[ "$status" = 3 ]
	[[ $output == *"CallManager.pem"*"3072 bits, which a list cannot name"* ]]
	rm "$files/CallManager.pem"
	mv "$dir/callmanager.pem" "$files"

	# One certificate cannot stand for two units.
	mv "$files/CAPF.cer" "$files/CAPF.key" "$dir"
	cp "$old/cm1.pem" "$files/CAPF.pem"
	run import
	[ "$status" = 3 ]
	[[ $output == *"this certificate is another unit's already"* ]]
	rm "$files/CAPF.pem"
	mv "$dir/CAPF.cer" "$dir/CAPF.key" "$files"

	mkdir "$dir/empty"
	run demo_ctl "$dir" --password-file "$admin" cluster init --import "$dir/empty"
	[ "$status" = 1 ]
	[[ $output == *"holds no key of a unit"* ]]

	# Nothing of all that stands in the way.
	run import --json
	echo "$output"
	[ "$status" = 0 ]
	[ "$(tail -n 1 <<<"$output" | jq '.result.adopted | length')" = 6 ]

	# The listing says which certificates are in the token.
	run demo_ctl "$dir" file show "$dir/list1"
	echo "$output"
	[[ $output == *"record 1: CallManager/n1/1"* ]]
	make_pair "$dir/other" other.example
	"$bin/oldlist" "$dir/list3" "$dir/other.pem" "$dir/other.pem" "$old/capf.pem" \
		"$old/tvs1.pem" "$old/sast.pem"
	run demo_ctl "$dir" file show "$dir/list3"
	[[ $output == *"record 1: not in the token"* ]]
	[[ $output == *"record 5: ITLRecovery/demo/1"* ]]
	run demo_ctl "$dir" file show "$dir/list3" --json
	[ "$(jq -c '[.result.records[].token]' <<<"$output")" = '[null,null,"CAPF/demo/1","TVS/n1/1","ITLRecovery/demo/1"]' ]
}
