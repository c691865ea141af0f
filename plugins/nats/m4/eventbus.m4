dnl eventbus.m4 - what the configure script of a plugin of the event bus needs. Installed with the event bus, and copied into
dnl projects that `eventbus plugins new --autotools` makes, so that they also build where aclocal does not look.
dnl
dnl EB_PLUGIN_INIT([ABI-MAJOR])
dnl   Finds the installed event bus by pkg-config, in $PKG_CONFIG_PATH too, and stops without it, or if its plugin ABI has
dnl   another major version than the plugin is written for. Sets and substitutes
dnl     EVENTBUS             the command, for tests and the man page; the caller may set it
dnl     EB_PLUGIN_CPPFLAGS   finds eventbus/plugin.h
dnl     EB_PLUGIN_CFLAGS     no symbol is visible but those that plugin.h declares
dnl     EB_PLUGIN_LDFLAGS    for libtool: a module, in which no symbol may be missing
dnl     plugindir            where the event bus looks for plugins; --with-plugindir=DIR
AC_DEFUN([EB_PLUGIN_INIT], [
AC_REQUIRE([PKG_PROG_PKG_CONFIG])
AC_ARG_VAR([EVENTBUS], [the eventbus command])
PKG_CHECK_EXISTS([eventbus], [],
  [AC_MSG_ERROR([the event bus is not installed, or pkg-config does not find it: set PKG_CONFIG_PATH to its lib/pkgconfig])])
AC_MSG_CHECKING([the plugin ABI of the event bus])
eb_abi_major=`$PKG_CONFIG --variable=abi_major eventbus`
eb_abi_minor=`$PKG_CONFIG --variable=abi_minor eventbus`
AC_MSG_RESULT([$eb_abi_major.$eb_abi_minor])
AS_IF([test "x$eb_abi_major" != "x$1"],
  [AC_MSG_ERROR([this plugin is written for major $1 of the plugin ABI, and the installed event bus has $eb_abi_major])])
EB_PLUGIN_CPPFLAGS="`$PKG_CONFIG --cflags eventbus` -D_GNU_SOURCE"
EB_PLUGIN_CFLAGS="-fvisibility=hidden -pthread"
EB_PLUGIN_LDFLAGS="-module -avoid-version -shared -no-undefined -pthread -Wl,-z,now -Wl,-z,defs"
AS_IF([test "x$EVENTBUS" = x], [EVENTBUS=`$PKG_CONFIG --variable=bindir eventbus`/eventbus])
AC_ARG_WITH([plugindir], [AS_HELP_STRING([--with-plugindir=DIR], [where the event bus looks for plugins])],
  [plugindir=$withval], [plugindir=`$PKG_CONFIG --variable=plugindir eventbus`])
AC_SUBST([EB_PLUGIN_CPPFLAGS])
AC_SUBST([EB_PLUGIN_CFLAGS])
AC_SUBST([EB_PLUGIN_LDFLAGS])
AC_SUBST([plugindir])
])
