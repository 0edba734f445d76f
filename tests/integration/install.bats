#!/usr/bin/env bats
# What is installed: into an empty root, and run from there.

setup_file() {
	load helper
	private_dir
	export stage=$dir
	DESTDIR=$stage cmake --install "$ITLKEEPER_BUILD" >"$stage/log" 2>&1
	prefix=$stage$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$ITLKEEPER_BUILD/CMakeCache.txt")
	export prefix
	chmod -R go+rX "$stage"
}

setup() {
	load helper
	private_dir
}

teardown() {
	[[ -z ${daemon-} ]] || stop_installed
	[[ -z ${dir-} ]] || rm -rf "$dir"
}

teardown_file() {
	rm -rf "$stage"
}

@test "everything is below the prefix, /etc and nothing else" {
	run ls "$stage"
	[ "$output" = "$(printf '%s\n' etc log usr)" ]
	[ -x "$prefix/bin/itlctl" ]
	[ -x "$prefix/bin/itlvault" ]
	[ -x "$prefix/bin/itlphone" ]
	[ -x "$prefix/sbin/itlkeeperd" ]
	for program in keyd front tvs carry restart; do
		[ -x "$prefix/libexec/itlkeeper/$program" ]
	done
	for page in man1/itlctl.1 man5/itlkeeper-cluster.conf.5 man8/itlkeeper-keyd.8; do
		[ -f "$prefix/share/man/$page" ]
	done
	cmp "$prefix/share/itlkeeper/tftpd.map" "$BATS_TEST_DIRNAME/../../packaging/tftpd.map"
	! grep -rq "$stage" "$prefix/lib" "$stage/etc"
}

@test "systemd accepts the units, with the staged programs" {
	mkdir "$dir/units"
	for unit in "$prefix"/lib/systemd/system/*; do
		sed -e "s|^ExecStart=/|ExecStart=$stage/|" "$unit" >"$dir/units/${unit##*/}"
	done
	grep -q "^ExecStart=$stage/.*libexec/itlkeeper/keyd" "$dir/units/itlkeeper-keyd.service"
	run systemd-analyze verify --man=no "$dir"/units/*
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$output" ]
	for drop_in in network-token softhsm; do
		mkdir -p "$dir/units/itlkeeper-keyd.service.d"
		cp "$prefix/share/itlkeeper/drop-ins/$drop_in.conf" "$dir/units/itlkeeper-keyd.service.d"
	done
	run systemd-analyze verify --man=no "$dir"/units/itlkeeper-keyd.service
	[ -z "$output" ]
}

@test "each program has a user of its own, no new privileges, and a strict system" {
	for unit in keyd front tvs; do
		file=$prefix/lib/systemd/system/itlkeeper-$unit.service
		for line in Type=notify User=itlkeeper-$unit NoNewPrivileges=yes \
			ProtectSystem=strict PrivateTmp=yes CapabilityBoundingSet=; do
			grep -qx "$line" "$file" || { echo "$unit: $line"; false; }
		done
	done
	grep -qx 'PrivateNetwork=yes' "$prefix/lib/systemd/system/itlkeeper-keyd.service"
	grep -qx 'KillMode=process' "$prefix/lib/systemd/system/itlkeeper-restart.service"
	grep -qx 'RestartPreventExitStatus=77' "$prefix/lib/systemd/system/itlkeeper-keyd.service"
	grep -qx 'PrivateNetwork=no' "$prefix/share/itlkeeper/drop-ins/network-token.conf"
}

@test "users and folders are those of packaging/users and itlkeeperd" {
	mkdir -p "$dir/root/etc"
	systemd-sysusers --root="$dir/root" "$prefix/lib/sysusers.d/itlkeeper.conf"
	for user in itlkeeper-keyd itlkeeper-front itlkeeper-tvs; do
		grep -q "^$user:.*:/nonexistent:/usr/sbin/nologin$" "$dir/root/etc/passwd"
	done
	grep -q '^itlkeeper:' "$dir/root/etc/group"
	systemd-tmpfiles --root="$dir/root" --create "$prefix/lib/tmpfiles.d/itlkeeper.conf"
	# The same folders as itlkeeperd makes, owners by name and modes.
	demo_configuration
	start_installed
	compared=0
	for part in run:run state:var/lib; do
		while read -r path; do
			made=$dir/root/${part#*:}/itlkeeper/$path
			[ "$(names_of "$dir/root" "$made")" = "$(stat -c '%U:%G %a' "$dir/${part%:*}/$path")" ] ||
				{ echo "$path"; names_of "$dir/root" "$made"; stat -c '%U:%G %a' "$dir/${part%:*}/$path"; false; }
			compared=$((compared + 1))
		done < <(cd "$dir/root/${part#*:}/itlkeeper" && find . -mindepth 1 -type d -printf '%P\n')
	done
	[ "$compared" = 8 ]
}

# Owners of a file in another root, by the names that that root has for them.
names_of() { # ROOT PATH
	local uid gid
	uid=$(stat -c %u "$2") gid=$(stat -c %g "$2")
	echo "$(awk -F: -v i="$uid" '$3 == i {print $1}' "$1/etc/passwd" | grep . || echo root):$(
		awk -F: -v i="$gid" '$3 == i {print $1}' "$1/etc/group" | grep . || echo root) $(stat -c %a "$2")"
}

# The demo's configuration and token, without its servers.
demo_configuration() {
	local port=20001
	mkdir "$dir/etc" "$dir/secret" "$dir/tftp"
	for name in "${demo_nodes[@]}"; do
		mkdir -p "$dir/node/$name" "$dir/tftp/$name"
		echo "$port" >"$dir/node/$name/tvs-port"
		echo $((port++)) >"$dir/node/$name/port"
		chown itlkeeper-front "$dir/tftp/$name"
	done
	demo_token "$dir"
	demo_config "$dir"
	sed -i "s|^restart = .*|restart = echo restarted >>$dir/restarts|" "$dir/etc/cluster.conf"
	export SOFTHSM2_CONF=$dir/softhsm2.conf
}

start_installed() {
	"$prefix/sbin/itlkeeperd" --config "$dir/etc" >"$dir/log" 2>&1 3>&- &
	daemon=$!
	wait_until test -S "$dir/run/front/front.sock"
	wait_until test -S "$dir/run/keyd/keyd.sock"
}

stop_installed() {
	kill "$daemon"
	wait "$daemon" || true
	daemon=
}

@test "the installed programs find each other and work" {
	demo_configuration
	"$prefix/sbin/itlkeeperd" --config "$dir/etc" -n
	start_installed
	run "$prefix/bin/itlctl" --config "$dir/etc" show status --json
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *'"token":"itlkeeper-demo"'* ]]
	# carry is found too: the node's server was asked.
	wait_until asked_nodes
}

asked_nodes() {
	"$prefix/bin/itlctl" --config "$dir/etc" show status --json | grep -q 'tftp://127.0.0.1'
}

@test "restart runs what was asked for, answers, and ends" {
	demo_configuration
	start_installed
	stop_installed
	printf '%032d\n' 7 >"$dir/run/restart/n1"
	chown itlkeeper-front "$dir/run/restart/n1"
	timeout 20 "$prefix/libexec/itlkeeper/restart" --config "$dir/etc"
	[ "$(cat "$dir/restarts")" = restarted ]
	[ "$(head -n 2 "$dir/run/restarted/n1" | tail -n 1)" = 0 ]
	[ ! -e "$dir/run/restart/n1" ]
	# Nothing to do: it ends at once.
	timeout 20 "$prefix/libexec/itlkeeper/restart" --config "$dir/etc"
	[ "$(wc -l <"$dir/restarts")" = 1 ]
}

@test "restart removes what is no request, and does not come again at once where it cannot" {
	demo_configuration
	start_installed
	stop_installed
	touch -d '1 minute ago' "$dir/run/restart/.n1.4711.tmp" "$dir/run/restart/n9"
	timeout 20 "$prefix/libexec/itlkeeper/restart" --config "$dir/etc"
	[ -z "$(ls -A "$dir/run/restart")" ]
	mkdir -p "$dir/run/restart/n1/full"
	began=$(date +%s%N)
	timeout 20 "$prefix/libexec/itlkeeper/restart" --config "$dir/etc"
	[ $(($(date +%s%N) - began)) -ge 1000000000 ]
}

@test "keyd takes the socket that systemd made, and no other" {
	demo_configuration
	start_installed
	stop_installed
	rm -f "$dir/run/keyd/keyd.sock"
	systemd-socket-activate --seqpacket -E SOFTHSM2_CONF \
		-l "$dir/run/keyd/keyd.sock" \
		setpriv --reuid itlkeeper-keyd --regid itlkeeper-keyd --init-groups \
		"$prefix/libexec/itlkeeper/keyd" --config "$dir/etc" >"$dir/activated" 2>&1 3>&- &
	daemon=$!
	wait_until test -S "$dir/run/keyd/keyd.sock"
	chmod 666 "$dir/run/keyd/keyd.sock"
	before=$(stat -c %i "$dir/run/keyd/keyd.sock")
	(umask 077 && echo 'a password' >"$dir/secret/new")
	run "$prefix/bin/itlctl" --config "$dir/etc" set password user admin \
		--new-password-file "$dir/secret/new"
	echo "$output"
	cat "$dir/activated"
	[ "$status" = 0 ]
	[ "$(stat -c %i "$dir/run/keyd/keyd.sock")" = "$before" ]
	contains "$dir/activated" event=start
	stop_installed
	rm -f "$dir/run/keyd/keyd.sock"
	systemd-socket-activate --seqpacket -E SOFTHSM2_CONF \
		-l "$dir/run/keyd/other.sock" \
		setpriv --reuid itlkeeper-keyd --regid itlkeeper-keyd --init-groups \
		"$prefix/libexec/itlkeeper/keyd" --config "$dir/etc" >"$dir/activated" 2>&1 3>&- &
	daemon=$!
	wait_until test -S "$dir/run/keyd/other.sock"
	chmod 666 "$dir/run/keyd/other.sock"
	perl -MSocket -e 'socket(my $s, AF_UNIX, 5, 0); connect($s, pack_sockaddr_un($ARGV[0]))' "$dir/run/keyd/other.sock"
	wait_until contains "$dir/activated" "handed over another socket"
}

@test "the default configuration says what each key does" {
	for file in cluster keyd front tvs vault; do
		conf=$stage/etc/itlkeeper/$file.conf
		# Each key's line stands behind a comment that is longer than its name.
		awk '/^#[a-z-]+ =/ { if (before !~ /^# / || length(before) < 12) exit 1; n++ } { before = $0 }
			END { exit (n < 3) }' "$conf"
	done
	# Uncommented, they are read: what is missing is what only the site knows.
	mkdir "$dir/etc"
	for file in cluster keyd front tvs vault; do
		sed 's/^#\([a-z-]* = .\)/\1/' "$stage/etc/itlkeeper/$file.conf" >"$dir/etc/$file.conf"
	done
	sed -i 's/^#\[node n1\]/[node n1]/; s/^#name =/name = x/; s/^#publisher =/publisher = n1/
		s/^#host =/host = one/; s/^#address =/address = 127.0.0.1/; s|^#folder =|folder = /tmp|; s|^#restart =|restart = true|' \
		"$dir/etc/cluster.conf"
	sed -i "s|^#module =|module = $demo_module|; s/^#uri =/uri = pkcs11:token=x/" "$dir/etc/keyd.conf"
	sed -i 's/^#\[listener n1\]/[listener n1]/' "$dir/etc/tvs.conf"
	rm "$dir/etc/vault.conf"
	"$prefix/libexec/itlkeeper/keyd" --config "$dir/etc" -n
	"$prefix/libexec/itlkeeper/front" --config "$dir/etc" -n
	"$prefix/libexec/itlkeeper/tvs" --config "$dir/etc" -n
}

@test "installing again leaves the administrator's files" {
	echo '# mine' >>"$stage/etc/itlkeeper/keyd.conf"
	DESTDIR=$stage cmake --install "$ITLKEEPER_BUILD" >/dev/null
	[ "$(tail -n 1 "$stage/etc/itlkeeper/keyd.conf")" = '# mine' ]
}

# What bash offers for a line, as words.
offered() { # WORD...
	COMP_WORDS=("$prefix/bin/itlctl" "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_itlctl
	echo "${COMPREPLY[*]}"
}

@test "bash completes commands and options" {
	. "$prefix/share/bash-completion/completions/itlctl"
	[ "$(offered util)" = utils ]
	[ "$(offered utils itl res)" = reset ]
	[ "$(offered utils itl reset loc)" = localkey ]
	[ "$(offered utils service restart C)" = Cisco ]
	[ "$(offered show itl --js)" = --json ]
	[ "$(offered utils itl reset localkey --dr)" = --dry-run ]
	[ -z "$(offered show cert own U)" ]
}
