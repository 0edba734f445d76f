#!/usr/bin/env bats
# The scripts of packaging/.

setup() {
	load helper
	private_dir
}

teardown() {
	[[ -z ${dir-} ]] || rm -rf "$dir"
}

@test "shellcheck finds nothing" {
	cd "$root/packaging"
	shellcheck -x quickstart check dependencies users demo/tftp "$root/.ci/run" \
		"$root/tests/support/sshd"
	shellcheck -s bash demo/cluster.bash completion/itlctl
	shellcheck -s bash -x "$BATS_TEST_DIRNAME/helper.bash"
}

@test "man pages have no faults" {
	run find "$root" -path "$root/build*" -prune -o -name '*.[158]' -print
	[ "${#lines[@]}" -ge 2 ]
	for page in "${lines[@]}"; do
		mandoc -T lint -W warning "$page"
	done
}

@test "users are made once" {
	before=$(getent passwd itlkeeper-keyd itlkeeper-front itlkeeper-tvs)
	"$root/packaging/users"
	[ "$(getent passwd itlkeeper-keyd itlkeeper-front itlkeeper-tvs)" = "$before" ]
	[ "$(wc -l <<<"$before")" = 3 ]
	getent group itlkeeper
}

@test "sets of dependencies are printed, and an unknown one is refused" {
	run "$root/packaging/dependencies" --print run
	[ "$status" = 0 ]
	[[ $output == *libssl3* ]]
	[[ $output != *cmake* ]]
	run "$root/packaging/dependencies" --print rum
	[ "$status" = 1 ]
}

# apt-get and dpkg-query that find a package missing; installing it does as told.
fake_apt() { # WHAT-INSTALL-DOES
	mkdir "$dir/fake"
	cat >"$dir/fake/apt-get" <<-END
		#!/bin/bash
		case "\$*" in
		*install*) cat /usr/sbin/policy-rc.d >$dir/policy; $1 ;;
		*) echo update >>$dir/updates ;;
		esac
	END
	printf '#!/bin/sh\n[ -e %s/installed ] && echo installed\n' "$dir" >"$dir/fake/dpkg-query"
	printf '#!/bin/sh\necho "$*" >>%s/disabled\n' "$dir" >"$dir/fake/update-rc.d"
	chmod +x "$dir/fake"/*
	PATH=$dir/fake:$PATH
}

policy_now() {
	cat /usr/sbin/policy-rc.d 2>/dev/null || echo none
}

@test "nothing starts while packages install, and the policy of before returns" {
	before=$(policy_now)
	fake_apt "touch $dir/installed"
	"$root/packaging/dependencies" demo
	grep -q 'exit 101' "$dir/policy"
	[ "$(policy_now)" = "$before" ]
	[ ! -e "$dir/updates" ]
	# A server that was not there does not come with the next boot either.
	grep -q 'tftpd-hpa disable' "$dir/disabled"
}

@test "a failing installation fetches the lists once, and restores the policy too" {
	before=$(policy_now)
	fake_apt "exit 100"
	run "$root/packaging/dependencies" demo
	[ "$status" -ne 0 ]
	[ "$(cat "$dir/updates")" = update ]
	[ "$(policy_now)" = "$before" ]
}

@test "the demo's TFTP server serves, restarts on its port, and stops alone" {
	mkdir "$dir/t" "$dir/n"
	chmod 0755 "$dir" "$dir/t"
	echo hello >"$dir/t/file"
	demo_ports | head -n 1 >"$dir/n/port"
	echo "$dir/t" >"$dir/n/folder"
	tftp=$root/packaging/demo/tftp
	run "$tftp" status "$dir/n"
	[ "$status" = 1 ]
	"$tftp" start "$dir/n"
	first=$(cat "$dir/n/pid")
	[ "$(curl -s "tftp://127.0.0.1:$(cat "$dir/n/port")/file")" = hello ]
	"$tftp" restart "$dir/n"
	[ "$(cat "$dir/n/pid")" != "$first" ]
	[ "$(curl -s "tftp://127.0.0.1:$(cat "$dir/n/port")/file")" = hello ]
	last=$(cat "$dir/n/pid")
	"$tftp" stop "$dir/n"
	is_gone "$last"
	# Another process with the number of before is left alone.
	sleep 1000 3>&- &
	echo $! >"$dir/n/pid"
	"$tftp" stop "$dir/n"
	kill "$(cat "$dir/n/pid")"
}
