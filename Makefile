# facegate: build, test, measure, install. `make demo` and `make check` are the two commands.
#
#   make            programs            make demo     set up, then show the gate working
#   make check      the tests           make lint     format, cppcheck, layers, headers, manuals
#   make bench      the figures         make fuzz     the fuzz targets, FUZZ_SECONDS each
#   make install    DESTDIR, PREFIX     make clean
#
# SAN=address,undefined or SAN=thread builds apart and tests with that sanitizer. V=1 shows commands.

PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
V       ?= 0
VERSION := 0.1.0

BUILD := build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
comma := ,
Q     := $(if $(filter 1,$(V)),,@)
say    = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

CC      ?= cc
CFLAGS  ?= -O3 -g
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
           -Wwrite-strings -Wformat=2 -Wundef -Wvla
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. -DFG_VERSION='"$(VERSION)"' $(WARN) -pthread \
             -fstack-protector-strong -fno-math-errno $(CFLAGS) $(SANFLAGS)
ALL_LDFLAGS = -pthread -Wl,--as-needed $(SANFLAGS) $(LDFLAGS)

# ---- modules, in the order of who may know whom -------------------------------------------------
COMMON := bus card clock conf error json log notify wire
ACCEL  := accel digest eigen engine_xnnpack flatbuffer graph infer layout lower model project \
          tflite uses
PIPELINE := align camera_options capture detect embed frame image image_exif image_jpeg image_png \
            mailbox publish quality sampler shot source source_folder source_mjpeg source_y4m \
            stream track vision
MATCHER := calibrate control decide gallery index keys policy seal subject
TOOLS := args client det eval model people plot progress verify

modules = $(addprefix $(BUILD)/$(1)/,$(addsuffix .o,$(2)))
COMMON_O   := $(call modules,common,$(COMMON))
ACCEL_O    := $(call modules,accel,$(ACCEL))
PIPELINE_O := $(call modules,pipeline,$(PIPELINE))
MATCHER_O  := $(call modules,matcher,$(MATCHER))
TOOLS_O    := $(call modules,tools,$(TOOLS))

LIB_COMMON   := $(BUILD)/libcommon.a
LIB_ACCEL    := $(BUILD)/libaccel.a
LIB_PIPELINE := $(BUILD)/libpipeline.a
LIB_MATCHER  := $(BUILD)/libmatcher.a
LIB_TOOLS    := $(BUILD)/libtools.a

LD_COMMON   := -linih -lcjson -lzmq -lm
LD_ACCEL    := -lXNNPACK -lpthreadpool -lcpuinfo -lsodium
LD_PIPELINE := -lturbojpeg -lpng -lexif
LD_MATCHER  := -llmdb -lsodium

PROGRAMS := $(BUILD)/facegate-camera $(BUILD)/facegate-matcher $(BUILD)/facegate

# ---- tests ---------------------------------------------------------------------------------------
# One program a module: tests/test_NAME.c. The third column says which archives it links.
TESTS_COMMON   := conf wire
TESTS_ACCEL    := tflite graph engine
TESTS_PIPELINE := frame image source sampler detect track
TESTS_MATCHER  := gallery index decide control
TESTS_TOOLS    :=
TESTS := $(TESTS_COMMON) $(TESTS_ACCEL) $(TESTS_PIPELINE) $(TESTS_MATCHER) $(TESTS_TOOLS)

.PHONY: all setup demo demo-run check check-run lint bench fuzz install uninstall clean
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS)

setup:
	@tools/setup.sh


$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

define archive
$(1): $(2)
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(eval $(call archive,$(LIB_COMMON),$(COMMON_O)))
$(eval $(call archive,$(LIB_ACCEL),$(ACCEL_O)))
$(eval $(call archive,$(LIB_PIPELINE),$(PIPELINE_O)))
$(eval $(call archive,$(LIB_MATCHER),$(MATCHER_O)))

link = $(Q)$(CC) $(ALL_LDFLAGS) $^ $(1) -o $@

$(foreach t,$(TESTS_COMMON),$(BUILD)/tests/test_$(t)): $(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(LIB_COMMON)
	$(call say,LINK,$@)
	$(call link,$(LD_COMMON) -lcmocka)

include $(wildcard $(BUILD)/*/*.d)
clean:
	rm -rf build
