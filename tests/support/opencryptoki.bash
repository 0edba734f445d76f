ock_stop() { :; }
