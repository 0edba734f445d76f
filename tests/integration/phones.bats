#!/usr/bin/env bats
# Simulated phones and the real TVS: services and lists of elsewhere, which it vouches
# for once an administrator trusts them. Each test goes on where the one before ended.

setup_file() {
	load helper
	make_cluster
	cat >"$dir/etc/tvs.conf" <<-END
		[listener n1]
		tls-min = 1.0
	END
	elsewhere "$dir/other"
	start_cluster
	demo_tvs_wait "$dir"
	"$dir/phones" reset
}

setup() {
	load helper
	other=$dir/other
	old=$(<"$dir/node/test10pub/tvs-port") # TLS 1.0 too
	new=$(<"$dir/node/test10sub/tvs-port")
}

teardown() {
	[[ ! -e $dir/https.pid ]] || kill "$(<"$dir/https.pid")"
	rm -f "$dir/https.pid"
}

teardown_file() {
	load helper
	"$dir/bin/tftp" stop "$dir/other" || true
	remove_cluster
}

# Another cluster with its TFTP server, and a web server's certificate.
elsewhere() { # DIR
	local unit
	mkdir -p "$1/tftp"
	for unit in cm capf tvs recovery app; do
		openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$unit.example/O=other" \
			-keyout "$1/key" -out "$1/cert" 2>/dev/null
		cat "$1/key" "$1/cert" >"$1/$unit.pem"
	done
	"$bin/oldlist" "$1/tftp/ITLFile.tlv" "$1/cm.pem" "$1/cm.pem" "$1/capf.pem" \
		"$1/tvs.pem" "$1/recovery.pem"
	chmod 0644 "$1/tftp/ITLFile.tlv"
	demo_ports | head -n 1 >"$1/port"
	echo "$1/tftp" >"$1/folder"
	"$dir/bin/tftp" start "$1"
}

admin() {
	demo_ctl "$dir" --password-file "$dir/secret/admin-password" "$@"
}

# Its port is the kernel's choice: $url.
serve_https() { # PEM
	: >"$dir/https.txt"
	openssl s_server -accept 127.0.0.1:0 -cert "$1" -key "$1" -www \
		>"$dir/https.txt" 2>&1 3>&- 4>&- &
	echo $! >"$dir/https.pid"
	wait_until grep -q '^ACCEPT ' "$dir/https.txt"
	url=https://127.0.0.1:$(sed -n 's/^ACCEPT .*://p' "$dir/https.txt")/directory
}

opened() { # STATUS WORD: all 20 phones
	run "$dir/phones" --https "$url"
	echo "$output"
	[ "$status" = "$1" ] && [ "$(grep -c "^SEP.*  $2  " <<<"$output")" = 20 ]
}

# A phone of the first node meets the other cluster's server.
moves() { # ITLPHONE-OPTION...
	status=0
	output=$("$dir/bin/itlphone" --state "$dir/phones.d" --mac 001122330000 \
		--server 127.0.0.1 --tftp-port "$(<"$other/port")" --json "$@" reset \
		2>/dev/null) || status=$?
	echo "$output"
}

said() { # JQ-FILTER
	jq -r "$1" <<<"$output"
}

@test "a service that nobody vouches for is not found; one that TVS knows opens" {
	serve_https "$other/app.pem"
	opened 5 "Host Not Found"
	[[ $output == *"in no record of the installed lists, nor does TVS vouch for it"* ]]
	admin trust add "$other/app.pem" --roles CCM --yes
	wait_until opened 0 "opened        "
	[[ $output == *"TVS vouches for its certificate"* ]]
	admin trust remove app.example --yes
	wait_until opened 5 "Host Not Found"
}

@test "a TVS that the phone's list does not name is not listened to" {
	serve_https "$other/tvs.pem"
	url=${url#https://}
	moves --tvs "${url%/directory}"
	[ "$status" = 5 ]
	[ "$(said '.verdict + " " + .tvs[0].answer')" = "unknown-signer untrusted" ]
}

@test "phones follow to another cluster whose signer TVS vouches for, old ones too" {
	moves --tvs "127.0.0.1:$new"
	[ "$status" = 5 ]
	[ "$(said '.verdict + " " + .tvs[0].answer')" = "unknown-signer invalid" ]
	admin trust add "$other/cm.pem" --roles CallManager --yes
	# A phone of TLS 1.0, at a listener that speaks it and one that does not.
	follows() {
		moves --tls-max 1.0 --tvs "127.0.0.1:$new" --tvs "127.0.0.1:$old"
		[ "$status" = 0 ]
	}
	wait_until follows
	[ "$(said .verdict)" = by-tvs ]
	[ "$(said '[.tvs[].answer] | join(" ")')" = "error valid" ]
	[ "$(said '.tvs[1].roles | join(" ")')" = "0 2" ]
	[ "$(said .after)" = "$(sha1sum <"$other/tftp/ITLFile.tlv" | cut -c1-40)" ]
	# Now it holds the other cluster's list: this one's TVS is a stranger.
	"$dir/bin/itlphone" --state "$dir/phones.d" --mac 001122330000 --server 127.0.0.1 \
		--tftp-port "$(<"$dir/node/test10pub/port")" --tvs "127.0.0.1:$old" --json reset \
		>"$dir/back.json" || [ $? = 5 ]
	[ "$(jq -r '.tvs[0].answer' "$dir/back.json")" = untrusted ]
}
