# The Debian package, by cpack; scripts/make-package builds and makes it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME stronghost)
set(CPACK_PACKAGE_CONTACT "Stronghost <stronghost@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "strong host model with failover for servers with several NICs")
set(CPACK_PACKAGE_DESCRIPTION
    "Every packet leaves by the NIC that owns its source address, one NIC alone answers ARP
for it, and when a cable is pulled another NIC stands in within microseconds. XDP, tc and
cgroup BPF programs do it; a daemon fills their maps. Needs Linux 6.1 or later with BTF.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/deb/postinst
                                       ${CMAKE_CURRENT_LIST_DIR}/deb/prerm
                                       ${CMAKE_CURRENT_LIST_DIR}/deb/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
