"""What breaks: the network (`proxy`, `late_request`), the disk (`small_disk`, `bad_disk`). Processes: `supervisor`."""
