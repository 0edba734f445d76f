# Nodes of a demo cluster (packaging/demo/cluster.bash) that are met over SSH. To be
# sourced, behind it; $root is the source tree.

# A real sshd over DIR/ssh/NAME, an in.tftpd over its folder, and the node's section
# of cluster.conf. Between demo_make and demo_start. RESTART: its command; "": none.
ssh_node() { # DIR ID NAME RESTART [OPTION OF support/sshd...]
	local dir=$1 id=$2 name=$3 restart=$4
	local ssh=$dir/ssh/$name
	shift 4
	install -d -m 0711 "$dir/ssh" "$ssh"
	"$root/tests/support/sshd" start "$ssh" "$@"
	chmod 0755 "$ssh/vault" # in.tftpd is nobody
	install -m 0400 -o itlkeeper-front "$ssh/key" "$dir/secret/$name"
	install -d -m 0755 "$dir/node/$name"
	demo_ports | head -n 1 >"$dir/node/$name/port"
	echo "$ssh/vault" >"$dir/node/$name/folder"
	"$dir/bin/tftp" start "$dir/node/$name"
	cat "$ssh/known_hosts" >>"$dir/etc/known_hosts"
	chmod 0644 "$dir/etc/known_hosts"
	cat >>"$dir/etc/cluster.conf" <<-END

		[node $id]
		host = test10$name
		address = 127.0.0.1
		folder = sftp://vault@127.0.0.1:$(<"$ssh/port")$ssh/vault
		tftp-port = $(<"$dir/node/$name/port")
		identity = $dir/secret/$name
		${restart:+restart = $restart}
	END
}

ssh_node_stop() { # DIR NAME
	"$root/tests/support/sshd" stop "$1/ssh/$2"
	"$1/bin/tftp" stop "$1/node/$2"
}
