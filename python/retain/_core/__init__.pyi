# The C++ extension module: one stub per submodule, named as csrc/bind/bind_<submodule>.cpp.
