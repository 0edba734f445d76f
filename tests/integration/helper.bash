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
