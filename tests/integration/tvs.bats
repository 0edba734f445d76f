#!/usr/bin/env bats
# TVS on a whole cluster: real handshakes, questions, and phones that misbehave.

setup_file() {
	load helper
	make_cluster
	cat >"$dir/etc/tvs.conf" <<-END
		[tvs]
		handshake-seconds = 2
		request-seconds = 2
		idle-seconds = 6
		per-address = 100
		[listener n1]
		tls-min = 1.0
	END
	start_cluster
	wait_until serves n1
	wait_until serves n2
	for unit in CallManager ITLRecovery CAPF TVS Audit; do
		certificate "$unit" >"$dir/$unit.der"
	done
}

setup() {
	load helper
	old=$(<"$dir/node/test10pub/tvs-port")  # TLS 1.0 too
	port=$(<"$dir/node/test10sub/tvs-port")
}

teardown_file() {
	load helper
	remove_cluster
}

status() { # JQ-FILTER
	jq -r "$1" "$dir/run/tvs/status.json"
}

# What status.json says of a listener, if it serves.
serves() { # NODE-ID
	[[ $(status ".listeners[] | select(.node == \"$1\") | .serves" 2>/dev/null) == true ]]
}

count() { # NAME
	status ".counts.\"$1\""
}

# As many more than before, a second later at the latest.
counted() { # NAME BEFORE MORE
	[[ $(($(count "$1") - $2)) == "$3" ]]
}

certificate() { # UNIT: the publisher's, DER
	demo_ctl "$dir" show cert own "$1" | openssl x509 -outform DER
}

sha1_of() { # UNIT HOST: of the current key
	demo_ctl "$dir" show cert list own |
		awk -v unit="$1" -v host="$2" '$1 == unit && $2 == host && $4 == "current" { print $NF }'
}

s_client() { # PORT ARG...
	local at=$1
	shift
	# TLS 1.3's tickets come a moment later.
	{ [[ $1 != -tls1_3 ]] || sleep 0.3; } |
		timeout 30 openssl s_client -connect "127.0.0.1:$at" "$@" 2>&1
}

presented() { # PORT ARG...: SHA-1 of the certificate
	s_client "$@" | openssl x509 -noout -fingerprint -sha1 2>/dev/null |
		sed 's/.*=//; s/://g' | tr A-F a-f
}

client() { # ARG...
	"$bin/tvsclient" "$@"
}

ask() { # verify|query UNIT
	client ask 127.0.0.1 "$port" "$1" "$dir/$2.der"
}

pid_of() { # PROGRAM: the newest of the log
	sed -n "s/.*event=start program=$1 pid=\([0-9]*\) .*/\1/p" "$dir/log" | tail -n 1
}

# A full handshake, then the same session again: TLS 1.2 by ticket, 1.3 too.
full_and_resumed() { # PORT ARG...
	run s_client "$@" -sess_out "$dir/session"
	[[ $output == *"New, "* && $output != *"(NONE)"* ]]
	run s_client "$@" -sess_in "$dir/session"
	[[ $output == *"Reused, "* ]]
}

@test "each version and key exchange, full and resumed" {
	full=$(count full-handshakes)
	resumed=$(count resumed-handshakes)
	full_and_resumed "$old" -tls1 -cipher 'AES128-SHA:@SECLEVEL=0'
	full_and_resumed "$old" -tls1 -cipher 'ECDHE-RSA-AES128-SHA:@SECLEVEL=0'
	full_and_resumed "$old" -tls1_1 -cipher 'AES128-SHA:@SECLEVEL=0'
	# a phone that knows no tickets
	full_and_resumed "$old" -tls1 -cipher 'AES128-SHA:@SECLEVEL=0' -no_ticket
	for at in "$old" "$port"; do
		full_and_resumed "$at" -tls1_2 -cipher AES256-SHA
		full_and_resumed "$at" -tls1_2 -cipher AES128-SHA
		full_and_resumed "$at" -tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384
		full_and_resumed "$at" -tls1_3
	done
	wait_until counted full-handshakes "$full" 12
	wait_until counted resumed-handshakes "$resumed" 12
}

@test "each node presents its own TVS certificate, and takes its own sessions alone" {
	[ "$(presented "$old" -tls1_3)" = "$(sha1_of TVS test10pub)" ]
	[ "$(presented "$port" -tls1_2)" = "$(sha1_of TVS test10sub)" ]
	[ "$(status '.listeners[1].certificate')" = "$(sha1_of TVS test10sub)" ]
	run s_client "$old" -tls1_2 -sess_out "$dir/session"
	[[ $output == *"New, TLSv1.2"* ]]
	run s_client "$port" -tls1_2 -sess_in "$dir/session"
	[[ $output == *"New, TLSv1.2"* ]]
}

@test "a listener without tls-min = 1.0 speaks nothing older than 1.2" {
	for version in -tls1 -tls1_1; do
		run s_client "$port" "$version" -cipher 'ALL:@SECLEVEL=0'
		[[ $output == *"alert protocol version"* ]]
	done
	# Nor what is weak, anywhere.
	for cipher in NULL aNULL RC4 3DES EXPORT LOW; do
		run s_client "$old" -tls1_2 -cipher "$cipher:@SECLEVEL=0"
		[[ $output != *"Verification"*"New, TLS"*"Cipher is "[A-Z]* || $output == *"(NONE)"* ]]
	done
}

@test "no renegotiation, and no early data" {
	run bash -c "(sleep 0.3; echo R; sleep 0.5) |
		timeout 20 openssl s_client -connect 127.0.0.1:$port -tls1_2 2>&1"
	[[ $output == *"RENEGOTIATING"* ]]
	[[ $output == *"no renegotiation"* || $output == *error* ]]
	run s_client "$port" -tls1_3
	[[ $output == *"Max Early Data: 0"* || $output != *"Max Early Data"* ]]
}

@test "questions are answered with what the cluster's certificates may do" {
	server=server=$(sha1_of TVS test10sub)
	[ "$(ask verify CallManager)" = "$server status=0 roles=0,2 ttl=86400" ]
	[ "$(ask query CallManager)" = "$server status=0 roles=0,2 ttl=86400 same=yes" ]
	[ "$(ask verify ITLRecovery)" = "$server status=0 roles=0 ttl=86400" ]
	[ "$(ask query ITLRecovery)" = "$server status=0 roles=0 ttl=86400 same=yes" ]
	[ "$(ask query CAPF)" = "$server status=0 roles=4 ttl=86400 same=yes" ]
	[ "$(ask query TVS)" = "$server status=0 roles=21 ttl=86400 same=yes" ]
	# The one that signs what no phone may believe.
	[ "$(ask verify Audit)" = "$server status=1 roles= ttl=0" ]
	[ "$(ask query Audit)" = "$server status=1 roles= ttl=0" ]
	head -c 600 /dev/urandom >"$dir/noise.der"
	[ "$(ask verify noise)" = "$server status=1 roles= ttl=0" ]
}

@test "certificates of the trust file are answered, and those of a changed one not" {
	file=$dir/state/trust/TrustFile.tlv
	openssl req -x509 -nodes -newkey rsa:2048 -keyout "$dir/old.key" -out "$dir/old.pem" \
		-subj /CN=ITLRECOVERY_old/O=old -days 30 2>/dev/null
	openssl x509 -in "$dir/old.pem" -outform DER -out "$dir/old.der"
	[[ $(ask query old) == *"status=1"* ]]
	demo_ctl "$dir" --password-file "$dir/secret/admin-password" trust add "$dir/old.pem" \
		--roles SAST,TFTP --ttl 600 --yes
	wait_until is_known old
	[[ $(ask query old) == *"status=0 roles=0,3 ttl=600 same=yes" ]]
	[[ $(ask verify old) == *"status=0 roles=0,3 ttl=600" ]]
	[ "$(status .trust.file)" = used ]
	cp -p "$file" "$dir/trust.good"
	flip "$file" 700
	wait_until is_unknown old
	[ "$(status .trust.file)" = refused ]
	grep -q 'event=trust-file rc=verify .*TrustFile.tlv' "$dir/log"
	# Its own certificates are answered all the same.
	[[ $(ask query CallManager) == *"status=0"* ]]
	cp -p "$dir/trust.good" "$dir/trust.new"
	mv "$dir/trust.new" "$file"
	wait_until is_known old
}

is_known() { # NAME
	[[ $(ask query "$1") == *" status=0 "* ]]
}

is_unknown() { # NAME
	[[ $(ask query "$1") == *" status=1 "* ]]
}

@test "frames of every wrong length close the connection, and are counted" {
	malformed=$(count malformed)
	cut=$(count cut-off)
	run client wrong 127.0.0.1 "$port"
	[ "$status" = 0 ]
	[[ $output =~ ^closed=([0-9]+)\ cut=([0-9]+)\ answered=0$ ]]
	[ "${BASH_REMATCH[1]}" -gt 200 ]
	[ "${BASH_REMATCH[2]}" = 152 ]
	wait_until counted malformed "$malformed" "${BASH_REMATCH[1]}"
	wait_until counted cut-off "$cut" 152
	grep -q 'event=closed ' "$dir/log" # at most once a minute, whatever it says
}

@test "slow and silent phones are hung up on, each for its reason" {
	declare -A before
	for reason in slow-handshake idle slow-request; do
		before[$reason]=$(count "$reason")
	done
	for how in tcp hello silent frame trickle; do
		client slow 127.0.0.1 "$port" "$how" >"$dir/slow-$how" 3>&- &
	done
	# Nobody waits for them.
	ask query CallManager
	wait
	for how in tcp hello silent frame trickle; do
		[[ $(<"$dir/slow-$how") =~ waited=([0-9]+)\. ]]
		[ "${BASH_REMATCH[1]}" -ge 1 ] # not at once
	done
	[[ $(<"$dir/slow-silent") =~ waited=([0-9]+)\. ]]
	[ "${BASH_REMATCH[1]}" -ge 5 ]
	wait_until counted slow-handshake "${before[slow-handshake]}" 2
	wait_until counted slow-request "${before[slow-request]}" 2
	wait_until counted idle "${before[idle]}" 1
	[ "$(count our-fault)" = 0 ]
}

# A ClientHello of so many bytes is announced, and does not come: closed at once?
announce() { # BYTES
	python3 - "$port" "$1" <<-'END'
		import select, socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		s.sendall(bytes([22, 3, 1, 0, 6, 1]) + int(sys.argv[2]).to_bytes(3, "big") + b"\3\3")
		print("closed" if select.select([s], [], [], 0.5)[0] else "open")
	END
}

@test "a ClientHello that says it is very long gets no room" {
	before=$(count no-handshake)
	[ "$(announce 16000)" = open ] # longer than any phone's
	[ "$(announce 131000)" = closed ] # OpenSSL's own limit
	[ "$(announce 40000)" = closed ]
	wait_until counted no-handshake "$before" 3
	full "$port"
	full "$old"
}

@test "1,000 connections from one address: some are held, and others are served" {
	before=$(count too-many-of-address)
	mkfifo "$dir/hold"
	client hold 127.0.0.1 "$port" 1000 <"$dir/hold" >"$dir/held" 3>&- &
	holder=$!
	exec 5>"$dir/hold"
	wait_until grep -q held "$dir/held"
	grep -q 'held=100 refused=900' "$dir/held"
	[[ $(client hold 127.0.0.1 "$port" 1 </dev/null) == "held=0 refused=1"* ]]
	[[ $(client --from 127.0.0.2 hold 127.0.0.1 "$port" 1 </dev/null) == "held=1 refused=0"* ]]
	wait_until counted too-many-of-address "$before" 901
	exec 5>&-
	wait "$holder"
	ask query CallManager
	rm "$dir/hold"
}

@test "a keyd that dies in the middle of a handshake: the next phone is served" {
	before=$(count no-key)
	keyd=$(pid_of keyd)
	kill -STOP "$keyd"
	s_client "$port" -tls1_2 >"$dir/refused" &
	refused=$!
	# It hangs: that phone is refused after its time, and so is one that comes then.
	wait "$refused" || true
	grep -q '(NONE)' "$dir/refused"
	wait_until counted no-key "$before" 1
	# Sessions go on without the key.
	kill -CONT "$keyd"
	wait_until full "$port"
	run s_client "$port" -tls1_2 -sess_out "$dir/session"
	kill -STOP "$keyd"
	s_client "$port" -tls1_2 >"$dir/killed" &
	killed=$!
	sleep 0.3
	kill -KILL "$keyd"
	wait "$killed" || true
	wait_until full "$port"
	full "$old"
	[ "$(pid_of keyd)" != "$keyd" ]
	run s_client "$port" -tls1_2 -sess_in "$dir/session"
	[[ $output == *"Reused, "* ]]
}

full() { # PORT
	[[ $(s_client "$1" -tls1_2) == *"New, TLSv1.2, Cipher is ECDHE"* ]]
}

# Until $dir/renewed is there: one after the other.
phones_come() { # PORT
	until [ -e "$dir/renewed" ] || [ ! -d "$dir" ]; do
		full "$1" >>"$dir/came" 2>&1 || : >"$dir/failed"
		echo came >>"$dir/came"
	done
}

@test "a renewed TVS key is taken up, without a restart" {
	tvs=$(pid_of tvs)
	before=$(sha1_of TVS test10sub)
	s_client "$port" -tls1_2 -sess_out "$dir/session" >/dev/null
	phones_come "$port" 3>&- &
	phones=$!
	wait_until test -s "$dir/came"
	demo_ctl "$dir" --password-file "$dir/secret/admin-password" \
		set cert regen TVS --node test10sub --yes
	[ "$(sha1_of TVS test10sub)" != "$before" ]
	wait_until presents "$port" "$(sha1_of TVS test10sub)"
	: >"$dir/renewed"
	wait "$phones"
	[ ! -e "$dir/failed" ]
	# The phone meets the new certificate, and not its old session.
	run s_client "$port" -tls1_2 -sess_in "$dir/session"
	[[ $output == *"New, TLSv1.2"* ]]
	[ "$(presented "$old" -tls1_3)" = "$(sha1_of TVS test10pub)" ]
	[ "$(pid_of tvs)" = "$tvs" ]
	# What is retired is still answered for, until it is removed.
	[[ $(ask query TVS) == *"status=0 roles=21"* ]]
}

presents() { # PORT SHA-1
	[[ $(presented "$1" -tls1_2) == "$2" ]]
}

@test "a changed cluster.conf is taken up; a bad one is not" {
	tvs=$(pid_of tvs)
	echo nonsense >>"$dir/etc/cluster.conf"
	wait_until grep -q 'tvs: .*neither \[section\]' "$dir/log"
	full "$port"
	sed -i '$d' "$dir/etc/cluster.conf"
	[ "$(pid_of tvs)" = "$tvs" ]
	echo 'tvs = no' >>"$dir/etc/cluster.conf" # n2's
	wait_until only_first
	[ "$(pid_of tvs)" != "$tvs" ]
	full "$old"
	sed -i '$d' "$dir/etc/cluster.conf"
	wait_until serves n2
	full "$port"
}

only_first() {
	[[ $(status '.listeners | length') == 1 ]] && serves n1
}

@test "a token that does not decrypt serves all who need no decryption" {
	echo 'slots.mechanisms = CKM_RSA_PKCS,CKM_RSA_PKCS_PSS,CKM_RSA_PKCS_KEY_PAIR_GEN' >>"$dir/softhsm2.conf"
	kill -KILL "$(pid_of keyd)"
	wait_until demo_ctl "$dir" show status >/dev/null
	kill -TERM "$(pid_of tvs)"
	wait_until grep -q 'event=no-rsa-key-exchange node=n1' "$dir/log"
	wait_until decrypts false
	full "$port"
	run s_client "$port" -tls1_2 -cipher AES256-SHA
	[[ $output == *"(NONE)"* ]]
	run s_client "$old" -tls1 -cipher 'ECDHE-RSA-AES128-SHA:@SECLEVEL=0'
	[[ $output == *"New, TLSv1.0"* ]]
	sed -i '$d' "$dir/softhsm2.conf"
	kill -KILL "$(pid_of keyd)"
	wait_until demo_ctl "$dir" show status >/dev/null
	kill -TERM "$(pid_of tvs)"
	wait_until decrypts true
}

decrypts() { # true|false: both listeners, and they serve
	serves n1 && serves n2 &&
		[[ $(status '[.listeners[]."rsa-key-exchange"] | unique | .[]') == "$1" ]]
}

@test "a port that is taken is named, and tried again" {
	cat >"$dir/taken" <<-'END'
		import os, pwd, socket, sys
		os.setuid(pwd.getpwnam("itlkeeper-tvs").pw_uid) # who could share it with tvs
		s = socket.socket()
		s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
		s.bind(("127.0.0.1", 0))
		s.listen()
		print(s.getsockname()[1], flush=True)
		sys.stdin.read()
	END
	mkfifo "$dir/taken.hold"
	python3 "$dir/taken" <"$dir/taken.hold" >"$dir/taken.port" 3>&- &
	exec 5>"$dir/taken.hold"
	wait_until test -s "$dir/taken.port"
	cp "$dir/etc/cluster.conf" "$dir/cluster.conf.before"
	sed -i "s/^tvs-port = $port$/tvs-port = $(<"$dir/taken.port")/" "$dir/etc/cluster.conf"
	wait_until grep -q "EADDRINUSE.*tvs-port" "$dir/log"
	full "$old"
	wait_until says_why
	exec 5>&-
	wait_until serves n2
	cp "$dir/cluster.conf.before" "$dir/etc/cluster.conf"
	wait_until full "$port"
	rm "$dir/taken.hold"
}

says_why() {
	[[ $(status '.listeners[1].why') == *"in use"* ]]
}

@test "-n finds what is wrong, and warns of two listeners at one place" {
	"$dir/bin/tvs" --config "$dir/etc" -n
	mkdir "$dir/conf"
	sed "s/^tvs-port = .*/tvs-port = 2445/" "$dir/etc/cluster.conf" >"$dir/conf/cluster.conf"
	run "$dir/bin/tvs" --config "$dir/conf" -n
	[ "$status" = 0 ]
	[[ $output == *"warning: nodes n1 and n2 listen at one address and port (127.0.0.1, 2445)"* ]]
	printf '[listener n3]\ntls-min = 1.0\n' >"$dir/conf/tvs.conf"
	run "$dir/bin/tvs" --config "$dir/conf" -n
	[ "$status" = 2 ]
	[[ $output == *"$dir/conf/tvs.conf"*n3* ]]
	rm -r "$dir/conf"
	# It is for its user alone: keyd believes the kernel about who asks.
	run "$dir/bin/tvs" --config "$dir/etc"
	[ "$status" = 2 ]
}

@test "tvs holds nothing secret, no privileges, and little memory" {
	pid=$(pid_of tvs)
	grep -q '^NoNewPrivs:.*1$' "/proc/$pid/status"
	grep -q '^CapEff:.*0000000000000000$' "/proc/$pid/status"
	for thread in "/proc/$pid/task"/*; do
		grep -q '^Seccomp:.*2$' "$thread/status"
	done
	[ "$(stat -c %U "/proc/$pid/mem")" = root ] # not dumpable: nobody of its user looks in
	[ "$(mode_of "$dir/run/tvs/status.json")" = "itlkeeper-tvs:itlkeeper-tvs 644" ]
	if is_release; then
		[ "$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")" -lt 32768 ]
	fi
}
