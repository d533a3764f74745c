# base has no sources yet.
sluice_srcs +=
