# A cluster of real parts in one folder, for packaging/quickstart and the tests:
# a SoftHSM token, two nodes with an in.tftpd each, itlkeeperd over keyd, front
# and tvs. To be sourced, by root. Descriptors 3, 4 and 9 (bats's, a lock) are not
# left to what goes on running.
#
#   demo_make DIR BIN   make everything, with the programs of BIN; what is at DIR
#                       is stopped and removed
#   demo_start DIR      start the nodes' servers and itlkeeperd, wait until it answers
#   demo_phone_files DIR NAME   a configuration file for each of a node's phones
#   demo_tvs_wait DIR   wait until tvs has taken renewed certificates up
#   demo_stop DIR       stop exactly what demo_start started
#   demo_ctl DIR ARG... itlctl, for this cluster
#   demo_vault DIR ARG... itlvault, for this cluster
#
# Below DIR: bin/ programs; etc/ configuration; run/ state/ as the programs make
# them; token/ and softhsm2.conf; secret/ PINs and the two passwords; vault/ the
# backups; node/NAME/ each server's port, map and number; tftp/NAME/ what it serves;
# phones.d/; log; and three commands: itlctl, itlvault, phones.

demo_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
demo_nodes=(test10pub test10sub)
export demo_phones=10 # a node; at most 16, by their addresses
demo_module=/usr/lib/softhsm/libsofthsm2.so
# What a socket's address and a line of cluster.conf leave for DIR.
export demo_max_path=75

demo_random() { # BYTES
	od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

# Two UDP ports of the loopback that are free now, both taken at once, then two of TCP.
demo_ports() {
	perl -MSocket -e '
		for my $i (0 .. 3) {
			my $type = $i < 2 ? SOCK_DGRAM : SOCK_STREAM;
			socket($s[$i], PF_INET, $type, 0) or die "socket: $!";
			bind($s[$i], sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
			print((sockaddr_in(getsockname($s[$i])))[0], "\n");
		}'
}

# Can the services' users come to this folder?
demo_is_open() { # DIR
	runuser -u itlkeeper-keyd -- test -x "$1" 2>/dev/null
}

demo_token() { # DIR
	local dir=$1
	install -d -m 0700 -o itlkeeper-keyd -g itlkeeper-keyd "$dir/token"
	cat >"$dir/softhsm2.conf" <<-END
		directories.tokendir = $dir/token
		objectstore.backend = file
		log.level = ERROR
	END
	demo_random 16 >"$dir/secret/so-pin"
	install -m 0400 -o itlkeeper-keyd -g itlkeeper-keyd /dev/null "$dir/secret/pin"
	demo_random 16 >"$dir/secret/pin"
	# PINs go by the environment, which other users cannot read.
	SO_PIN=$(<"$dir/secret/so-pin") PIN=$(<"$dir/secret/pin") \
		demo_token_init "$dir" >"$dir/token.log" 2>&1 || {
		cat "$dir/token.log" >&2
		return 1
	}
	rm -f "$dir/token.log"
}

demo_token_init() { # DIR
	demo_pkcs11_tool "$1" --slot-index 0 --init-token --label itlkeeper-demo \
		--so-pin env:SO_PIN &&
		demo_pkcs11_tool "$1" --token-label itlkeeper-demo --login \
			--login-type so --so-pin env:SO_PIN --init-pin --new-pin env:PIN
}

demo_pkcs11_tool() { # DIR ARG...: as keyd's user, on this cluster's tokens
	local dir=$1
	shift
	(cd / && SOFTHSM2_CONF=$dir/softhsm2.conf SO_PIN=${SO_PIN-} PIN=${PIN-} \
		runuser -u itlkeeper-keyd -- pkcs11-tool --module "$demo_module" "$@")
}

demo_config() { # DIR
	local dir=$1 i=0 name port
	cat >"$dir/etc/cluster.conf" <<-END
		[cluster]
		name = demo
		publisher = n1
		policy = callmanager
		domain = joemar2.lab
		org-unit = demo
		org = itlkeeper
		country = US
		run = $dir/run
		state-dir = $dir/state
	END
	for name in "${demo_nodes[@]}"; do
		((++i))
		port=$(<"$dir/node/$name/port")
		cat >>"$dir/etc/cluster.conf" <<-END

			[node n$i]
			host = $name
			address = 127.0.0.1
			folder = $dir/tftp/$name
			tftp-port = $port
			tvs-port = $(<"$dir/node/$name/tvs-port")
			restart = $dir/bin/tftp restart $dir/node/$name
		END
	done
	cat >"$dir/etc/keyd.conf" <<-END
		[token]
		module = $demo_module
		uri = pkcs11:token=itlkeeper-demo
		pin = file:$dir/secret/pin
		sessions = 2
	END
	# The machine's own syslog is not for a demo.
	cat >"$dir/etc/front.conf" <<-END
		[alerts]
		syslog = $dir/syslog
	END
	cat >"$dir/etc/vault.conf" <<-END
		[vault demo]
		target = $dir/vault
		keep = 3
	END
}

demo_make() { # DIR BIN
	local dir=$1 bin=$2 name ports
	if [[ -e $dir ]]; then
		# Not the folder itself: it may stand where others could take its place.
		demo_stop "$dir" && find "$dir" -mindepth 1 -delete || return 1
	fi
	install -d -m 0711 "$dir" "$dir/secret"
	install -d -m 0755 "$dir/bin" "$dir/etc" "$dir/tftp" "$dir/node"
	install -m 0755 -t "$dir/bin" \
		"$bin"/{itlkeeperd,keyd,front,tvs,carry,itlctl,itlvault,itlphone} \
		"$demo_here/tftp"
	(umask 077 && demo_random 12 >"$dir/secret/admin-password" &&
		demo_random 12 >"$dir/secret/security-password" &&
		: >"$dir/secret/so-pin") || return 1
	# front looks every day whether the backups are still there.
	install -d -m 0750 -g itlkeeper-front "$dir/vault"
	demo_token "$dir" || return 1
	mapfile -t ports < <(demo_ports)
	for name in "${demo_nodes[@]}"; do
		install -d -m 0755 "$dir/node/$name"
		install -d -m 0755 -o itlkeeper-front -g itlkeeper-front "$dir/tftp/$name"
		echo "${ports[0]}" >"$dir/node/$name/port"
		echo "${ports[2]}" >"$dir/node/$name/tvs-port"
		echo "$dir/tftp/$name" >"$dir/node/$name/folder"
		install -m 0644 "$demo_here/../tftpd.map" "$dir/node/$name/map"
		ports=("${ports[@]:1}")
	done
	demo_config "$dir"
	demo_wrappers "$dir"
}

# The TVSs that a node's phones ask: the node's own first.
demo_tvs() { # DIR NAME
	local name
	for name in "$2" "${demo_nodes[@]}"; do
		echo "--tvs 127.0.0.1:$(<"$1/node/$name/tvs-port")"
	done | awk '!seen[$0]++' | head -n 3 | tr '\n' ' '
}

demo_wrappers() { # DIR: what people type
	local dir=$1 i=0 name
	{
		echo '#!/bin/sh'
		echo "exec $dir/bin/itlctl --config $dir/etc \"\$@\""
	} >"$dir/itlctl"
	{
		echo '#!/bin/sh'
		echo "exec $dir/bin/itlvault --config $dir/etc \"\$@\""
	} >"$dir/itlvault"
	{
		echo '#!/bin/sh'
		echo "# $demo_phones phones a node: phones reset|show|erase|--https URL [itlphone's options]"
		echo 'worst=0'
		for name in "${demo_nodes[@]}"; do
			echo "$dir/bin/itlphone --state $dir/phones.d --count $demo_phones" \
				"--mac 0011223300${i}0 --server 127.0.0.1" \
				"--tftp-port $(<"$dir/node/$name/port")" \
				"$(demo_tvs "$dir" "$name")\"\$@\" ||" \
				"{ rc=\$?; [ \$rc -lt \$worst ] || worst=\$rc; }"
			((++i))
		done
		echo "exit \$worst"
	} >"$dir/phones"
	chmod 0755 "$dir/itlctl" "$dir/itlvault" "$dir/phones"
	install -d -m 0755 "$dir/phones.d"
}

# A small configuration file for each phone of a node, unsigned as yet.
demo_phone_files() { # DIR NAME
	local dir=$1 i j mac
	for ((i = 0; i < ${#demo_nodes[@]}; i++)); do
		[[ ${demo_nodes[i]} == "$2" ]] || continue
		for ((j = 0; j < demo_phones; j++)); do
			mac=$(printf '0011223300%X%X' "$i" "$j")
			printf '<device>\n<name>SEP%s</name>\n<callManager>%s</callManager>\n</device>\n' \
				"$mac" "$2" >"$dir/tftp/$2/SEP$mac.cnf.xml"
		done
	done
}

demo_ctl() { # DIR ARG...
	local dir=$1
	shift
	"$dir/bin/itlctl" --config "$dir/etc" "$@"
}

demo_vault() { # DIR ARG...
	local dir=$1
	shift
	"$dir/bin/itlvault" --config "$dir/etc" "$@"
}

# Prints the launcher's number if it runs and is this cluster's.
demo_running() { # DIR
	local pid
	pid=$(cat "$1/itlkeeperd.pid" 2>/dev/null) && [[ $pid =~ ^[0-9]+$ ]] &&
		[[ $(readlink "/proc/$pid/exe") == "$(realpath -m "$1")/bin/itlkeeperd"* ]] &&
		echo "$pid"
}

demo_launch() { # DIR: itlkeeperd alone
	local dir=$1
	SOFTHSM2_CONF=$dir/softhsm2.conf setsid "$dir/bin/itlkeeperd" \
		--config "$dir/etc" </dev/null >>"$dir/log" 2>&1 3>&- 4>&- 9>&- &
	echo $! >"$dir/itlkeeperd.pid"
}

# The two sockets answer, or itlkeeperd ended.
demo_wait() { # DIR
	local dir=$1
	for _ in {1..300}; do
		# Not demo_running: it may not be itlkeeperd yet.
		readlink "/proc/$(<"$dir/itlkeeperd.pid")/exe" >/dev/null || return 1
		if [[ -S $dir/run/keyd/keyd.sock && -S $dir/run/front/front.sock ]] &&
			demo_ctl "$dir" show status >/dev/null 2>&1; then
			return 0
		fi
		sleep 0.1
	done
	return 1
}

demo_start() { # DIR
	local dir=$1 name
	for name in "${demo_nodes[@]}"; do
		"$dir/bin/tftp" start "$dir/node/$name" || return 1
	done
	demo_running "$dir" >/dev/null || demo_launch "$dir"
	demo_wait "$dir" || {
		echo "itlkeeperd does not answer; the end of $dir/log:" >&2
		tail -n 20 "$dir/log" >&2
		return 1
	}
}

# Until tvs shows each node's present certificate: it takes a renewed one up within two
# seconds.
demo_tvs_wait() { # DIR
	local dir=$1 sha1 missing
	for _ in {1..200}; do
		missing=
		for sha1 in $(demo_ctl "$dir" show cert list own |
			awk '$1 == "TVS" && / current / { print $NF }'); do
			grep -qsF "\"certificate\":\"$sha1\"" "$dir/run/tvs/status.json" ||
				missing=$sha1
		done
		[[ -n $missing ]] || return 0
		sleep 0.1
	done
	echo "tvs does not show the certificate $missing" >&2
	return 1
}

demo_stop() { # DIR
	local dir=$1 name pid
	if pid=$(demo_running "$dir"); then
		kill "$pid"
		for _ in {1..200}; do
			demo_running "$dir" >/dev/null || break
			sleep 0.1
		done
		demo_running "$dir" >/dev/null && {
			echo "itlkeeperd $pid does not end" >&2
			return 1
		}
	fi
	rm -f "$dir/itlkeeperd.pid"
	for name in "${demo_nodes[@]}"; do
		[[ ! -d $dir/node/$name ]] ||
			"$demo_here/tftp" stop "$dir/node/$name" || return 1
	done
}
