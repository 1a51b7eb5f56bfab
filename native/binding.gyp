{
  "targets": [
    {
      "target_name": "puppy",
      "sources": ["addon.cc", "audit.cc", "assembler.cc", "execve.cc", "logline.cc", "directories.cc", "fsnotify.cc", "scan.cc", "task.cc", "held.cc", "addon_held.cc", "pcap.cc", "udp_seen.cc", "packet.cc", "capture_file.cc", "libpcap.cc", "addon_pcap.cc", "netlink.cc", "sock_diag.cc", "addresses.cc", "held_sockets.cc", "addon_sockets.cc", "glibc.cc"],
      "include_dirs": ["../node_modules/node-addon-api"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags": ["-fvisibility=hidden", "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Wno-cast-function-type", "-include", "<(module_root_dir)/glibc.h"],
      "cflags_cc": ["-std=c++17", "-fno-exceptions", "-fno-rtti"],
      "cflags_cc!": ["-fexceptions"],
      "ldflags": ["-static-libstdc++", "-static-libgcc", "-Wl,--gc-sections", "-Wl,--exclude-libs,ALL", "-Wl,-z,relro,-z,now", "-Wl,--wrap=stdin,--wrap=stdout,--wrap=stderr,--wrap=stat,--wrap=getaddrinfo,--wrap=getnetbyname_r,--wrap=pcap_lex"],
      "libraries": ["-l:libpcap.a"]
    }
  ]
}
