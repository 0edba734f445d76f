#!/usr/bin/env bats
# itlbench on a running cluster, whose token sleeps: it measures, and says what. Nothing
# is judged by time. One cluster for the file; the last test stops it.

setup_file() {
	load helper
	make_cluster
	export SOFTHSM2_CONF=$dir/softhsm2.conf
	install -d -m 0777 "$SOFTHSM2_CONF.slow"
	echo 500 >"$SOFTHSM2_CONF.slow/microseconds"
	sed -i "s|^module = .*|module = $ITLKEEPER_BUILD/lib/slow-softhsm.so|" \
		"$dir/etc/keyd.conf"
	install -m 0400 "$dir/secret/pin" "$dir/secret/pin-of-root"
	start_cluster
}

setup() {
	load helper
}

teardown_file() {
	load helper
	remove_cluster
}

bench() { # ARG...; what it says is in $output, it must end well
	run "$bin/itlbench" --config "$dir/etc" --pin-file "$dir/secret/pin-of-root" \
		--seconds 0.4 "$@"
	echo "$output"
	[[ $status -eq 0 ]]
}

says() { # REGEX...: each in $output
	for regex; do
		[[ $output =~ $regex ]] || {
			echo "no: $regex" >&2
			return 1
		}
	done
}

@test "lists and signatures, beside the ceiling and the token's own time" {
	bench list
	says 'C_Sign, RSA-2048, threads: 2 +[1-9]' 'lists through keyd, in flight: 32 +[1-9]' \
		'ratio +[0-9.]+ +\(goal 0\.85: ' \
		'processor for each: C_Sign [0-9.]+; keyd [0-9.]+, who asks [0-9.]+; ratio 0'
	bench --token-us 500 signatures
	says 'signatures through keyd, in flight: 32 +[1-9]' \
		'2 sessions, 500 microseconds each +4000\.0 /s' '\(goal 0\.94: '
}

@test "files, disk to disk, and again unchanged" {
	bench --count 200 --warm files "$dir"
	says '200 files, disk to disk +[1-9][0-9.]+ /s' 'ratio +[0-9.]+ +\(goal 0\.75: ' \
		'all again, unchanged: [0-9.]+ s'
	bench --count 40 --token-us 500 files "$dir"
	says '\(goal 0\.90: ' "ratio to the token's own time"
	# Each was signed once for every time that it was there without one.
	[[ $(grep -c '"event":"sgn"' "$dir/state/keyd/audit.log") -ge 440 ]]
	! compgen -G "$dir/itlbench.*"
}

@test "latency" {
	bench latency
	says 'a signature through keyd +[0-9.]+ +[0-9.]+' 'C_Sign +[0-9.]+' \
		'a line and its fdatasync +[0-9.]+' \
		'above the medians of both, keyd adds +-?[0-9.]+ +-?[0-9.]+ +\(goal '
}

@test "memory" {
	bench --count 50 memory
	says 'keyd +[1-9][0-9.]* +[1-9][0-9.]* +[1-9]' 'front +[1-9][0-9.]* +[1-9]' \
		'flat over 50: '
}

@test "the first signature of a keyd that starts" {
	run "$bin/itlbench" --config "$dir/etc" first
	[[ $status -eq 1 && $output =~ "keyd runs" ]]
	demo_stop "$dir"
	bench first
	says 'from exec of keyd to its first signature: [0-9.]+ to [0-9.]+ ms'
}
