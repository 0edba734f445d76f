# Of all tests of whole programs. They run as root, with the design's users.

export root
root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
bin=${ITLKEEPER_BUILD:?the build to test}/bin
# shellcheck source-path=SCRIPTDIR source=../../packaging/demo/cluster.bash
source "$root/packaging/demo/cluster.bash"

# A private folder that the services' users can come to: $dir.
private_dir() {
	[[ $EUID -eq 0 ]] || skip "needs root"
	"$root/packaging/users"
	dir=$(mktemp -d /tmp/itlkeeper-it.XXXXXX)
	chmod 0711 "$dir"
}

# A cluster of real parts in a folder of its own: made, started with keys and first
# lists, and gone with its folder, also after half of that.
make_cluster() {
	private_dir
	export dir
	demo_make "$dir" "$bin"
}

start_cluster() { # ARG... of cluster init
	demo_start "$dir"
	demo_ctl "$dir" --password-file "$dir/secret/admin-password" "$@" cluster init --yes
}

# itlctl, for that cluster; with $ctl_password as who knows the password in this file.
ctl() { # ARG...
	demo_ctl "$dir" ${ctl_password:+--password-file "$ctl_password"} "$@"
}

# A cluster whose TVS answers nobody: before start_cluster, or while it runs.
without_tvs() {
	rm -f "$dir/bin/tvs"
	printf '#!/bin/sh\nexec sleep 1000000\n' >"$dir/bin/tvs"
	chmod 0755 "$dir/bin/tvs"
	end_tvs
}

with_tvs() {
	rm -f "$dir/bin/tvs"
	install -m 0755 -t "$dir/bin" "$bin/tvs"
	end_tvs
}

# What runs as tvs; itlkeeperd starts what now has its name.
end_tvs() {
	local launcher pid
	launcher=$(demo_running "$dir") || return 0
	for pid in $(pgrep -P "$launcher" -u itlkeeper-tvs); do
		kill "$pid"
		wait_until is_gone "$pid"
	done
}

remove_cluster() {
	[[ -z ${dir-} ]] || {
		demo_stop "$dir"
		rm -rf "$dir"
	}
}

# Wait for something that comes; a wait in vain fails the test.
wait_until() { # COMMAND...
	for _ in {1..400}; do
		if "$@"; then
			return 0
		fi
		sleep 0.05
	done
	echo "in vain: $*" >&2
	return 1
}

is_gone() { # PID
	[[ ! -e /proc/$1/exe ]]
}

contains() { # FILE TEXT
	grep -qsF -- "$2" "$1"
}

mode_of() { # FILE
	stat -c '%U:%G %a' "$1"
}

# ---- the recovery key ----

# A syslog of its own: what comes to SOCKET goes to FILE.
listen_syslog() { # SOCKET FILE
	: >"$2"
	python3 - "$1" "$2" 3>&- <<-'END' &
		import os, socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		os.chmod(sys.argv[1], 0o666)
		with open(sys.argv[2], "a") as f:
		    while True:
		        f.write(s.recv(65536).decode() + "\n")
		        f.flush()
	END
	export syslog_pid=$!
	wait_until test -S "$1"
}

stop_syslog() {
	kill "$syslog_pid" 2>/dev/null || true
}

# Another byte stands there afterwards, whatever stood there.
flip() { # FILE OFFSET
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf '%b' "\\x$(printf %02x $((byte ^ 0xff)))" |
		dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# One request to front's door, as root; its last answer.
ask_front() { # DIR JSON
	python3 - "$1/run/front/front.sock" "$2" <<-'END'
		import json, socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.connect(sys.argv[1])
		s.send(sys.argv[2].encode())
		while True:
		    answer = s.recv(1 << 20).decode()
		    if "event" not in json.loads(answer):
		        print(answer)
		        break
	END
}

# A token of root's own: what --token uses.
scratch_token() { # DIR LABEL
	local dir=$1
	mkdir -p "$dir/scratch"
	chmod 0700 "$dir/scratch"
	cat >"$dir/scratch.conf" <<-END
		directories.tokendir = $dir/scratch
		objectstore.backend = file
		log.level = ERROR
	END
	export SOFTHSM2_CONF=$dir/scratch.conf
	(umask 077 && demo_random 8 >"$dir/secret/$2-pin")
	# PINs of a token that lives for a test.
	softhsm2-util --init-token --free --label "$2" --so-pin 12345678 \
		--pin "$(<"$dir/secret/$2-pin")" >/dev/null
}

scratch_tool() { # DIR ARG...
	local dir=$1
	shift
	SOFTHSM2_CONF=$dir/scratch.conf pkcs11-tool --module "$demo_module" "$@"
}

is_release() {
	grep -q '^CMAKE_BUILD_TYPE:STRING=Release' "$ITLKEEPER_BUILD/CMakeCache.txt"
}

# Lines for memscan: the key's primes, both ways round, and the first lines of files.
secret_patterns() { # P12 PASSWORD-FILE FILE...
	echo "control $(printf itlkeeper | od -An -tx1 | tr -d ' \n')"
	python3 - "$@" <<-'END'
		import sys
		from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
		first = lambda path: open(path, "rb").readline().rstrip(b"\r\n")
		key = load_key_and_certificates(open(sys.argv[1], "rb").read(), first(sys.argv[2]))[0]
		n = key.private_numbers()
		# The middle of each: no leading zeros, no length, no cut at an end.
		for name, value in (("p", n.p), ("q", n.q), ("d", n.d)):
		    big = value.to_bytes((value.bit_length() + 7) // 8, "big")[16:80]
		    print(name + "-big", big.hex())
		    print(name + "-little", big[::-1].hex())
		for i, path in enumerate(sys.argv[2:]):
		    print("file%d" % i, first(path).hex())
		    print("file%d-utf16" % i, first(path).decode().encode("utf-16-be").hex())
	END
}

# A p12 whose key and certificate do not belong together.
mixed_p12() { # KEY CERT PASSWORD-FILE OUT
	certtool --to-p12 --load-privkey "$1" --load-certificate "$2" --p12-name mixed \
		--password "$(<"$3")" --outder --outfile "$4" 2>/dev/null
}

scan() { # PATTERNS PID... | PATTERNS -- PROGRAM...
	"$bin/memscan" "$@"
}
