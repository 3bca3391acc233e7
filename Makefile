# trainledger: build, install and test.
#
#   make, make install, make installcheck    as with any PGXS extension, here or
#                  in another directory: make -f ../trainledger/Makefile
#   make demo      the worked examples on a private server (KEEP=1 leaves it up)
#   make serve     the REST and GraphQL faces over sample data, until Ctrl-C
#   make scale     a front and four nodes with the REST face, until Ctrl-C
#   make test      every test on a private server
#   make test-assert   the tests of C code on a server with assertions, built
#                  from Debian's source: regression, isolation, DDL under load
#   make test-versions   regression tests and isolation specs on the servers of
#                  VERSIONS (17 18 19), in throw-away roots of Debian's suites
#   make test-upgrades   books moved between all pairs of those servers and the
#                  machine's own, by pg_upgrade and by dumps
#   make test-nodes   the tests that run against a front of four nodes (NODES)
#   make test-packages   the Debian package: built, lintian, autopkgtest
#   make soak      the same TAP tests with a bigger number: make soak N=20000
#   make sanitize  regression tests under the address and UB sanitizers
#   make bench     side-by-side figures; BENCH=compare BASE=REVISION make bench
#                  compares with the library of another revision
#   make dist      the archive for PGXN, of what is committed
#   make lint      compiler warnings, static analysis, format, catalogue rules
#
# The second group installs what it needs (Debian packages, with apt), so it
# works before pg_config and the server headers exist. make dist needs git.

EXTENSION = trainledger
# Where the sources are: this directory, or that of a VPATH build
source := $(patsubst %/,%,$(or $(VPATH),$(dir $(firstword $(MAKEFILE_LIST)))))
found = $(patsubst $(source)/%,%,$(sort $(wildcard $(addprefix $(source)/,$(1)))))

# The version of the extension, and that of the archive, which has three parts
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" '$(source)/$(EXTENSION).control')
DISTVERSION := $(shell sed -n 's/^  "version": "\(.*\)",/\1/p' '$(source)/META.json')
MODULE_big = trainledger
OBJS = $(patsubst %.c,%.o,$(call found,src/*.c src/*/*.c))

# The install script is joined from its fragments; upgrade scripts are kept.
# The scripts that a DBA runs are no part of the extension.
DATA = $(call found,sql/$(EXTENSION)--*--*.sql) $(call found,sql/$(EXTENSION)_*.sql)
DATA_built = $(EXTENSION)--$(EXTVERSION).sql
EXTRA_CLEAN = tmp_check $(source)/test/expected $(EXTENSION)-*.zip

# What there is to read and to deploy keeps its directories, so that links work.
DOC_FILES = $(shell cd '$(source)' && find README.md CHANGELOG.md LICENSE doc \
	-name node_modules -prune -o -type f -print)

# The tests, each of them discovered. The one named install comes first, and
# then the one that makes unique indexes of its own, which rows of others break.
REGRESS_FOUND = $(patsubst test/sql/%.sql,%,$(call found,test/sql/*.sql))
REGRESS_FIRST = install alterations
REGRESS = $(REGRESS_FIRST) $(filter-out $(REGRESS_FIRST),$(REGRESS_FOUND))
# pg_regress of PostgreSQL 15 finds expected outputs beside its inputs only.
REGRESS_PREP = link-expected
# Their databases have encoding UTF8 on a cluster of another one too.
REGRESS_OPTS = --inputdir=$(source)/test --encoding=UTF8
ISOLATION = $(patsubst test/specs/%.spec,%,$(call found,test/specs/*.spec))
ISOLATION_OPTS = --inputdir=$(source)/test --encoding=UTF8 --load-extension=$(EXTENSION)
PROVE_TESTS = $(call found,test/t/*.pl)
DISCARD = caches
TAP_TESTS := $(if $(PROVE_TESTS),1)

.DEFAULT_GOAL = all

# ---------------------------------------------------------------------------
# Commands that bring their own server, and the archive. None of them needs PGXS.

OTHER_GOALS = demo serve scale test test-assert test-versions test-upgrades \
	test-nodes test-packages soak sanitize bench lint dist

.PHONY: $(OTHER_GOALS)

demo serve scale bench lint test-packages:
	@exec '$(source)/test/harness/$@.sh'

test:
	@exec env REGRESS='$(REGRESS)' ISOLATION='$(ISOLATION)' \
		PROVE_TESTS='$(PROVE_TESTS)' '$(source)/test/harness/test.sh'

soak:
	@exec env N=$(or $(N),20000) PROVE_TESTS='$(PROVE_TESTS)' '$(source)/test/harness/test.sh'

# TAP tests run with assertions, on other versions and under the sanitizers only
# where they are named, but for those of DDL under load with assertions. DISCARD
# names the regression tests that run while caches are discarded.
test-assert: TAP_HERE = $(call found,test/t/*_ddl_load.pl)
test-assert test-versions sanitize:
	@exec env REGRESS='$(REGRESS)' ISOLATION='$(ISOLATION)' DISCARD='$(DISCARD)' \
		PROVE_TESTS='$(if $(findstring command line,$(origin PROVE_TESTS)),$(PROVE_TESTS),$(TAP_HERE))' \
		'$(source)/test/harness/$@.sh'

# test/nodes.list says which, and why the others do not.
on_nodes = $(shell sed -nE 's,^(t/[^ ]+) +(runs|long)$$,test/\1.pl,p' '$(source)/test/nodes.list') \
	test/t/251_regression_nodes.pl
test-nodes:
	@exec env NODES=$(or $(NODES),4) \
		PROVE_TESTS='$(if $(findstring command line,$(origin PROVE_TESTS)),$(PROVE_TESTS),$(on_nodes))' \
		'$(source)/test/harness/test.sh'

test-upgrades:
	@exec env UPGRADES=yes REGRESS= ISOLATION= \
		'$(source)/test/harness/test-versions.sh'

# What is committed, but for what serves the continuous integration alone, and
# the joined install script, which PGXN's client wants to see.
dist: archive = $(EXTENSION)-$(DISTVERSION)
dist:
	@set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	git -C '$(source)' archive HEAD 'sql/[0-9]*.sql' | \
		tar -xOf - > "$$folder/$(DATA_built)"; \
	git -C '$(source)' archive --output='$(CURDIR)/$(archive).zip' \
		--prefix=$(archive)/sql/ --add-file="$$folder/$(DATA_built)" \
		--prefix=$(archive)/ HEAD ':(exclude).ci'; \
	echo '$(archive).zip'

# ---------------------------------------------------------------------------
# Everything else is PGXS.

ifneq ($(filter-out $(OTHER_GOALS),$(or $(MAKECMDGOALS),all)),)

PG_CONFIG ?= pg_config
PG_MAJOR := $(shell $(PG_CONFIG) --version 2>/dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
XML_CONFIG ?= xml2-config

ifeq ($(PG_MAJOR),)
$(error $(PG_CONFIG) does not run: install the PostgreSQL server headers \
(Debian: postgresql-server-dev-15) or give PG_CONFIG=/path/to/pg_config)
endif
ifeq ($(shell test $(PG_MAJOR) -ge 15 && echo yes),)
$(error trainledger needs PostgreSQL 15 or later; $(PG_CONFIG) belongs to \
PostgreSQL $(PG_MAJOR): give PG_CONFIG=/path/to/pg_config of another one)
endif
ifeq ($(wildcard $(PGXS)),)
$(error the server headers of PostgreSQL $(PG_MAJOR) are missing \
(Debian: postgresql-server-dev-$(PG_MAJOR)))
endif

# Libraries: pkg-config where it knows them, else what the library itself says.
pkg = $(shell pkg-config $(1) $(2) 2>/dev/null)

XML_CFLAGS := $(or $(call pkg,--cflags,libxml-2.0),$(shell $(XML_CONFIG) --cflags 2>/dev/null))
XML_LIBS := $(or $(call pkg,--libs,libxml-2.0),$(shell $(XML_CONFIG) --libs 2>/dev/null))
SSL_CFLAGS := $(call pkg,--cflags,libcrypto)
SSL_LIBS := $(or $(call pkg,--libs,libcrypto),-lcrypto)

ifeq ($(XML_LIBS)$(filter clean distclean uninstall installcheck,$(MAKECMDGOALS)),)
$(error libxml2 is missing (Debian: libxml2-dev))
endif

# What make finds in the sources it would not make here.
ifneq ($(wildcard $(if $(filter-out .,$(source)),$(source)/$(MODULE_big).so $(source)/$(DATA_built))),)
$(error $(source) is built: run make clean there first)
endif

PG_CPPFLAGS = -I$(source)/src $(XML_CFLAGS) $(SSL_CFLAGS)
SHLIB_LINK = $(XML_LIBS) $(SSL_LIBS)

include $(PGXS)

# PROVE_FLAGS belongs to who calls make.
PG_PROVE_FLAGS += -I test/perl

install: name-server install-documents
uninstall: uninstall-documents
installcheck: name-server

.PHONY: name-server install-documents uninstall-documents link-expected
name-server:
	@echo 'trainledger $(EXTVERSION) for PostgreSQL $(VERSION), of $(bindir)/pg_config'

documents = $(DESTDIR)$(docdir)/$(docmoduledir)/$(EXTENSION)

install-documents:
	@for file in $(DOC_FILES); do \
		$(MKDIR_P) "$(documents)/$$(dirname $$file)" && \
		$(INSTALL_DATA) "$(source)/$$file" "$(documents)/$$file" || exit; \
	done

uninstall-documents:
	rm -rf '$(documents)'

link-expected:
	@test '$(source)/test/expected' -ef '$(source)/expected' || \
		ln -sfn ../expected '$(source)/test/expected'

$(DATA_built): $(call found,sql/[0-9]*.sql) $(EXTENSION).control
	cat $(filter %.sql,$^) > $@

# Few headers, all of them shared: a change of one rebuilds everything.
$(OBJS) $(OBJS:.o=.bc): $(call found,src/*.h src/*/*.h)

# A VPATH build makes its directories, by absolute names: others are found in
# the sources.
object_folders = $(addprefix $(CURDIR)/,$(patsubst %/,%,$(sort $(dir $(OBJS)))))
$(OBJS) $(OBJS:.o=.bc): | $(object_folders)
$(object_folders):
	@$(MKDIR_P) $@

endif
