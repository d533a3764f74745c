# main.c is not listed: it is linked beside the library.
sluice_srcs +=
