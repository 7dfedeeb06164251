# facegate. `make demo` and `make check` are the two commands; both set up what they need.
#
#   make            the programs        make demo     the gate at work, on real photographs
#   make check      the tests           make lint     format, cppcheck, layers, headers, manuals
#   make bench      the figures         make fuzz     the fuzz targets, FUZZ_SECONDS each (30)
#   make install    DESTDIR, PREFIX     make clean
#   make examples   what integrators start from; the tests run them
#   make po         brings the sentences' translations up to date with the sources
#   make deb        Debian packages     make check-deb  installs and purges them in a chroot
#
#   make bench-index     the index beside FAISS and hnswlib; a quarter of an hour and more
#   make check-index-million  a million searches compared with the exhaustive scan
#   make check-profiles  the gates' profiles and pages alone; make check-charges: a fare gate under
#                        a thousand kill -9
#   make check-arm64     the tests and a photograph on emulated arm64, against this machine's
#   make check-debian13  the same with Debian 13's packages; make engine-table prints both
#   make check-vm        the packages in an emulated machine with cameras; make check-vm-short
#   make soak-camera     a hundred times unplugged and plugged in there
#
# ARCH=arm64 and SUITE=trixie (Debian 13) build into build/ARCH, build/SUITE-ARCH.
# SAN=address,undefined or SAN=thread builds apart and tests with that sanitizer. V=1 shows the
# commands. CC, CXX, CFLAGS, CXXFLAGS and LDFLAGS are yours.

PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
V       ?= 0
JOBS    ?= 2
VERSION := 0.1.0

# ---- another architecture or Debian --------------------------------------------------------------
# The host's compiler, with headers and libraries of that Debian alone: nothing is looked for on the
# host but the compiler's own. Debian 13's compiler would need Debian 13's C library to run, so a
# chroot and the right to make one; this way needs neither, and what is built is tested with
# Debian 13's libraries by their own loader.
ifneq ($(filter-out arm64 aarch64 amd64 x86_64,$(ARCH))$(filter-out bookworm trixie,$(SUITE)),)
$(error ARCH is arm64 or amd64, SUITE is bookworm or trixie)
endif
TARGET := $(if $(filter arm64 aarch64,$(ARCH)),arm64,amd64)
DEBIAN := $(or $(SUITE),bookworm)
SYSROOT :=
PLACE   :=
ifneq ($(filter arm64 trixie,$(TARGET) $(DEBIAN)),)
TRIPLET   := $(if $(filter arm64,$(TARGET)),aarch64,x86_64)-linux-gnu
SYSROOT   := $(abspath $(or $(FACEGATE_SYSROOTS),build/sysroot))/$(DEBIAN)-$(TARGET)
PLACE     := /$(if $(filter trixie,$(DEBIAN)),trixie-)$(TARGET)
GCC_MAJOR := 12
LOOK      := --sysroot=$(SYSROOT) -nostdinc \
             -isystem $(shell $(TRIPLET)-gcc -print-file-name=include) \
             -isystem $(SYSROOT)/usr/include/$(TRIPLET) -isystem $(SYSROOT)/usr/include \
             -B$(SYSROOT)/usr/lib/$(TRIPLET) -L$(SYSROOT)/usr/lib/gcc/$(TRIPLET)/$(GCC_MAJOR)
LOOK_CXX  := $(patsubst %,-isystem $(SYSROOT)/usr/include/%/$(GCC_MAJOR),c++ $(TRIPLET)/c++)
CC        := $(TRIPLET)-gcc $(LOOK)
CXX       := $(TRIPLET)-g++ -nostdinc++ $(LOOK_CXX) $(LOOK)
AR        := $(TRIPLET)-ar
# deprecated there what is the only way here
WARN_DEBIAN := $(if $(filter trixie,$(DEBIAN)),-Wno-deprecated-declarations)
LOADER    := $(SYSROOT)/$(if $(filter arm64,$(TARGET)),lib/ld-linux-aarch64.so.1,lib64/ld-linux-x86-64.so.2)
RUNNER    := $(if $(filter $(TRIPLET),$(shell uname -m)-linux-gnu),\
             $(LOADER) --library-path $(SYSROOT)/usr/lib/$(TRIPLET),\
             qemu-aarch64-static -L $(SYSROOT) -cpu max)
SYSTEM    := Debian $(if $(filter trixie,$(DEBIAN)),13,12), $(if $(filter arm64,$(TARGET)),arm64,x86-64)
endif

comma := ,
BUILD := build$(PLACE)$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
Q     := $(if $(filter 1,$(V)),,@)
say    = $(if $(filter 1,$(V)),@:,@printf '  %-7s %s\n' '$(1)' '$(2)')

CC       ?= cc
CXX      ?= c++
CLANG    ?= clang
CFLAGS   ?= -O3 -g
CXXFLAGS ?= $(CFLAGS)
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wformat=2 -Wundef -Wvla $(WARN_DEBIAN)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
DEFINES     = -DFG_VERSION='"$(VERSION)"' -DFG_DATADIR='"$(PREFIX)/share/facegate"' \
              -DFG_LIBEXECDIR='"$(LIBEXECDIR)"' -DFG_LOCALEDIR='"$(PREFIX)/share/locale"'
ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -I. $(DEFINES) $(WARN) -pthread \
              -fstack-protector-strong -fno-math-errno $(SANFLAGS) $(CFLAGS)
# Arm NN 23.08's headers want C++17, 20.08's take it; what is deprecated in one is needed in the other.
ALL_CXXFLAGS = -std=c++17 -D_GNU_SOURCE -I. $(DEFINES) -Wall -Wextra -Wno-deprecated-declarations \
               -pthread -fstack-protector-strong -isystem $(SYSROOT)/usr/include/libcamera \
               $(SANFLAGS) $(CXXFLAGS)
ALL_LDFLAGS = -pthread -Wl,--as-needed $(SANFLAGS) $(LDFLAGS)

# ---- modules, in the order of who may know whom -------------------------------------------------
COMMON   := base45 bus calendar card clock conf conf_value error json log notify portrait_wire \
            stays wipe wire
ACCEL    := accel agree backends choice digest eigen engine_armnn engine_xnnpack flatbuffer graph \
            graph_check infer isolate layout lower lower_batch lower_constants lower_fold \
            lower_patterns model project tflite tflite_operator tflite_options tflite_slices uses
PIPELINE := align buffer_memory camera_options camera_stamps camera_wish capture code confine \
            detect document duty embed engine_options frame image image_exif image_jp2 \
            image_jp2_outline image_jpeg image_png jpeg_window lane libcamera_device \
            libcamera_inbox libcamera_settings mailbox motion portrait_look portrait_options \
            publish quality sampler sampler_avx2 sampler_axis sampler_c sampler_kernels \
            sampler_layout sampler_neon sampler_rect sampler_warp shot slow_memory source \
            source_file source_folder source_libcamera source_mjpeg source_v4l2 source_y4m \
            still stop stream tlv track v4l2_buffers v4l2_controls v4l2_copies v4l2_device \
            v4l2_format v4l2_modes view vision zone
MATCHER  := announce bytes calibrate catalogue checks claims control database decide decision \
            desk doors drain event gallery gallery_apply gallery_check gallery_load \
            gallery_vault groups ids index index_avx2 index_avx512 index_c index_codes \
            index_kernels index_neon index_rotation index_score index_search keys lanes latency \
            ledger ledger_charges ledger_events ledger_passages ledger_state master \
            matcher_hooks matcher_start matcher_turn pages passages passages_admit \
            passages_settle policy policy_check policy_hours policy_read portrait presences \
            reader reasons record request request_change request_lane request_ledger \
            request_ledger_change request_pin request_vault roster roster_check rules seal \
            senders settings slots status subject tills timeline token token_keys tracks vault \
            words
GATE     := board debounce gate_conf gpio_v1 gpio_v2 gpio_words heartbeat lamps lane output_exec \
            output_zmq outputs reports reports_file service tally verdict
TOOLS    := args block charges child client csv det engines enrol enrolment eval \
            event_text events flight fsck headcount hours import intake issue journal list \
            manner model paging pass pay people photo pin placement plain plot portrait \
            problems profile profile_words progress qr roll score_table spool status trial \
            vault verb verify watch when
DEMO     := draw font optics picture reel sheet stage studio take_enrol take_lane take_loop \
            take_swap take_walk tally truth view walk
BENCH    := contest crowd figures kinds onnx peak peer served
BENCH_OF_INDEX := crew engines field flat flat_kernels large later race report report_json \
            report_plot rival_faiss rival_hnswlib series sets simulate start stream surroundings \
            upkeep

# ---- tests: tests/test_NAME.c with cmocka, tests/check_NAME.sh -----------------------------------
TESTS := align armnn base45 board bus calendar camera capture card charges choice claim client \
         code conf control decide detect document drain duty engine event footage forget frame \
         fsck gallery gate gate_conf gpio graph image index index_kernels jp2 jpeg_window json \
         keep_nothing lane lanes ledger libcamera matcher notify office pass passages \
         played_camera policy portrait profile profiles qr quality reader reports request_ledger \
         roster rules sampler seal shot simulate source spool stays subject swap tally tflite \
         token token_keys tools track v4l2 verdict wire words
# Pages wait for what people do; once is enough.
SCRIPTS      := examples gate $(if $(SAN),,pages) setup udev units
# What is run elsewhere: the tests that start no other program, and do not take minutes emulated.
TESTS_THERE  := align armnn base45 board bus calendar capture card choice claim conf control \
                decide document drain engine event frame gallery gate gate_conf gpio graph image \
                index index_kernels jp2 jpeg_window json lane lanes libcamera notify passages \
                played_camera policy qr quality reports request_ledger roster rules sampler \
                seal shot simulate source stays subject tflite token token_keys v4l2 verdict \
                wire words
TEST_HELPERS := code_scene code_tries dg2_maker fake_v4l2 jp2_maker lane_rig memory_search \
                operators played_chip played_lane qr_matrix quantise reference rig small_model \
                tflite_builder
# What is outside of the emulated machine, and what runs in it.
VM_USB       := usb_device usb_program usb_redir
VM_CAMERA    := $(VM_USB) uvc_camera uvc_descriptors uvc_device uvc_film uvc_modes uvc_stream
VM_CHIP      := $(VM_USB) cp2112_chip cp2112_descriptors cp2112_device cp2112_lines
FUZZ_HELPERS := reference small_model tflite_builder
FUZZ         := document image jpeg_window profile subject tflite token wire y4m

MODULES := COMMON ACCEL PIPELINE MATCHER GATE TOOLS DEMO TEST_HELPERS
lower    = $(subst COMMON,common,$(subst ACCEL,accel,$(subst PIPELINE,pipeline,$(subst \
           MATCHER,matcher,$(subst GATE,gate,$(subst TOOLS,tools,$(subst DEMO,demo,$(subst \
           BENCH,bench,$(subst TEST_HELPERS,tests,$(1))))))))))
objects  = $(addprefix $(BUILD)/obj/$(call lower,$(1))/,$(addsuffix .o,$($(1))))
archive  = $(BUILD)/lib$(call lower,$(1)).a
archives = $(foreach m,$(1),$(call archive,$(m)))
LIBS     := -larmnn -lcamera -lcamera-base -lstdc++ -lturbojpeg -ljpeg -lpng -lexif -lzbar \
            -lXNNPACK -lpthreadpool -llmdb -lopenjp2 -lqrencode -lsodium -linih -lcjson -lzmq -lgpiod -lm
# What people are told, in other languages than English: po/LANGUAGE.po
LANGUAGES  := ja ko ru
SENTENCES  := matcher/reasons.c matcher/words.c
CATALOGUES := $(LANGUAGES:%=$(BUILD)/locale/%/LC_MESSAGES/facegate.mo)
PROGRAMS := $(BUILD)/facegate-camera $(BUILD)/facegate-matcher $(BUILD)/facegate-gate $(BUILD)/facegate
HELPERS  := $(BUILD)/facegate-portrait
TEST_PROGRAMS := $(addprefix $(BUILD)/tests/test_,$(TESTS))

.PHONY: FORCE all examples po setup demo demo-run check check-run check-arm64 check-debian13 check-there \
  photo-reference engine-table check-vm check-vm-short soak-camera vm-run lint bench bench-accel \
  bench-code bench-gallery bench-index bench-pipeline bench-policy bench-sampler check-charges \
  check-index-million check-profiles \
  check-profiles-run fuzz install \
  uninstall deb check-deb clean
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS) $(HELPERS) $(CATALOGUES) $(if $(SYSROOT),$(TEST_PROGRAMS) $(BUILD)/tests/backend_toy.so)

ifneq ($(SYSROOT),)
$(SYSROOT)/.packages: tools/sysroot.sh
	@tools/sysroot.sh $(DEBIAN) $(TARGET) $(SYSROOT)
endif

$(BUILD)/obj/%.o: %.c | $(SYSROOT:%=%/.packages)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/%.o: %.cpp | $(SYSROOT:%=%/.packages)
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) $(ALL_CXXFLAGS) -MMD -MP -c $< -o $@

# Some objects know where models are installed: another PREFIX makes them anew.
$(BUILD)/prefix: FORCE
	@mkdir -p $(@D) && { echo '$(PREFIX)' | cmp -s - $@ || echo '$(PREFIX)' >$@; }
$(BUILD)/obj/pipeline/camera_options.o $(BUILD)/obj/tools/args.o \
  $(BUILD)/obj/matcher/settings.o: $(BUILD)/prefix
FORCE:

# Loops over pixels on one thread: watched for races they would take most of the time of a run, so
# SAN=thread leaves them out. What hands frames from thread to thread is watched.
ifeq ($(SAN),thread)
$(filter $(BUILD)/obj/pipeline/sampler%,$(call objects,PIPELINE)) $(BUILD)/obj/tests/reference.o \
  $(call objects,DEMO): SANFLAGS :=
endif

define archive_rule
$(call archive,$(1)): $(call objects,$(1))
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call archive_rule,$(m))))

link = $(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) $(1) -o $@

$(BUILD)/locale/%/LC_MESSAGES/facegate.mo: po/%.po
	$(call say,MSGFMT,$@)
	$(Q)mkdir -p $(@D) && msgfmt --check --endianness=little -o $@ $<

# The sentences of the sources, and what of them is to be translated anew.
po:
	@tools/sentences.sh po/facegate.pot $(SENTENCES)
	@set -e; for language in $(LANGUAGES); do \
	  msgmerge --quiet --update --backup=none --no-wrap --add-location=file \
	    po/$$language.po po/facegate.pot; \
	  printf '%s: ' $$language; msgfmt --check --statistics -o /dev/null po/$$language.po 2>&1; done

# What each program is made of says who knows whom; archives stand in link order. Where nothing may
# be kept, free and realloc wipe; a sanitizer brings its own.
WIPE_FREE := $(if $(SAN),,$(BUILD)/obj/common/wipe_free.o)
$(BUILD)/facegate-camera: $(BUILD)/obj/pipeline/camera.o $(WIPE_FREE) \
  $(call archives,PIPELINE ACCEL COMMON)
	$(call say,LINK,$@)
	$(call link)

$(BUILD)/facegate-portrait: $(BUILD)/obj/pipeline/portrait_check.o \
  $(call archives,PIPELINE ACCEL COMMON)
	$(call say,LINK,$@)
	$(call link)

$(BUILD)/facegate-matcher: $(BUILD)/obj/matcher/matcher.o $(WIPE_FREE) \
  $(call archives,MATCHER COMMON)
	$(call say,LINK,$@)
	$(call link)

$(BUILD)/facegate-gate: $(BUILD)/obj/gate/gate.o $(call archives,GATE COMMON)
	$(call say,LINK,$@)
	$(call link)

$(BUILD)/facegate: $(BUILD)/obj/tools/facegate.o $(call archives,TOOLS PIPELINE ACCEL MATCHER COMMON)
	$(call say,LINK,$@)
	$(call link)

$(BUILD)/footage: $(BUILD)/obj/demo/footage.o $(call archives,DEMO TOOLS PIPELINE COMMON)
	$(call say,LINK,$@)
	$(call link)

$(BUILD)/demo-run: $(BUILD)/obj/demo/run.o $(call archives,DEMO TOOLS PIPELINE COMMON)
	$(call say,LINK,$@)
	$(call link)

$(BUILD)/tests/test_%: $(BUILD)/obj/tests/test_%.o $(BUILD)/obj/bench/simulate.o \
  $(call archives,TEST_HELPERS DEMO TOOLS PIPELINE ACCEL MATCHER GATE COMMON)
	$(call say,LINK,$@)
	$(call link,-lcmocka)

# As an integrator builds them: nothing of facegate is looked for.
examples: $(BUILD)/examples/watch
$(BUILD)/examples/%: examples/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(WARN) $(SANFLAGS) $(CFLAGS) $< $(LDFLAGS) -lzmq -lcjson -o $@

# Who scripts speak with: a camera, and a gate's matcher.
$(BUILD)/tests/prober $(BUILD)/tests/played_matcher: $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o \
  $(call archives,MATCHER COMMON)
	$(call say,LINK,$@)
	$(call link)

# A backend of Arm NN that tests can break. It is loaded, not linked.
$(BUILD)/tests/backend_toy.so: tests/backend_toy.cpp | $(SYSROOT:%=%/.packages)
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) $(filter-out -fsanitize=%,$(ALL_CXXFLAGS)) -fPIC -shared $< -o $@ -larmnn -ldl

$(BUILD)/tests/photo_%: $(BUILD)/obj/tests/photo_%.o $(call archives,PIPELINE ACCEL COMMON)
	$(call say,LINK,$@)
	$(call link)

# ---- the two commands ----------------------------------------------------------------------------
setup:
	@tools/setup.sh $(filter arm64,$(TARGET))

demo: setup
	+@$(MAKE) --no-print-directory demo-run

demo-run: $(PROGRAMS) $(BUILD)/footage $(BUILD)/demo-run
	@mkdir -p build/demo
	@build/footage build/demo models/sample1.jpg models/sample2.jpg models/sample3.jpg \
	  models/sample4.jpg models/sample5.jpg models/sample6.jpg
	@build/demo-run build

check: setup
	+@$(MAKE) --no-print-directory -j$(JOBS) check-run

check-run: $(PROGRAMS) $(HELPERS) $(CATALOGUES) $(BUILD)/footage $(TEST_PROGRAMS) \
  $(BUILD)/tests/backend_toy.so examples $(BUILD)/tests/prober $(BUILD)/tests/played_matcher
	@FACEGATE_BUILD=$(BUILD) JOBS=$(JOBS) ASAN_OPTIONS=detect_leaks=1 \
	  TSAN_OPTIONS="suppressions=tests/tsan.supp halt_on_error=1" \
	  tests/run.sh $(BUILD)/results $(TEST_PROGRAMS) $(SCRIPTS:%=tests/check_%.sh)

# The gates' profiles and their pages alone.
PROFILE_TESTS := profile profiles pass policy rules passages lanes claim
check-profiles: setup
	+@$(MAKE) --no-print-directory check-profiles-run

check-profiles-run: $(PROGRAMS) $(HELPERS) $(CATALOGUES) $(BUILD)/footage \
  $(PROFILE_TESTS:%=$(BUILD)/tests/test_%)
	@FACEGATE_BUILD=$(BUILD) JOBS=$(JOBS) tests/run.sh $(BUILD)/results-profiles \
	  $(PROFILE_TESTS:%=$(BUILD)/tests/test_%) tests/check_pages.sh

# A fare gate under a thousand kill -9: half an hour.
check-charges: setup
	+@$(MAKE) --no-print-directory all $(BUILD)/tests/test_charges
	@FACEGATE_BUILD=$(BUILD) FACEGATE_KILLS=1000 TEST_SECONDS=5400 \
	  tests/run.sh $(BUILD)/results-charges $(BUILD)/tests/test_charges

# A million searches of simulated people against the exhaustive scan.
check-index-million: setup
	+@$(MAKE) --no-print-directory build/tests/index_million
	@build/tests/index_million

$(BUILD)/tests/index_million: $(BUILD)/obj/tests/index_million.o $(BUILD)/obj/bench/crew.o \
  $(BUILD)/obj/bench/simulate.o $(call archives,MATCHER COMMON)
	$(call say,LINK,$@)
	$(call link)

# ---- elsewhere: emulated, or by another Debian's loader ------------------------------------------
THERE = $(MAKE) --no-print-directory -j$(JOBS) check-there
check-arm64:
	@tools/setup.sh arm64
	+@$(MAKE) -s --no-print-directory photo-reference
	+@$(THERE) SUITE= ARCH=arm64

check-debian13:
	@tools/setup.sh arm64
	+@$(MAKE) -s --no-print-directory photo-reference
	@rm -rf build/trixie-*/results
	+@$(THERE) SUITE=trixie ARCH=; $(THERE) SUITE=trixie ARCH=arm64; \
	  tests/run.sh --sum build/trixie-amd64/results build/trixie-arm64/results

check-there: all $(BUILD)/tests/photo_embed
	@echo "$(SYSTEM):"
	@FACEGATE_BUILD=$(BUILD) FACEGATE_RUNNER='$(strip $(RUNNER))' FACEGATE_SYSTEM='$(SYSTEM)' \
	  FACEGATE_TEST_BACKEND=$(if $(filter arm64,$(TARGET)),CpuAcc,CpuRef) \
	  FACEGATE_BACKENDS="$$(echo $(SYSROOT)/usr/lib/$(TRIPLET)/armnn[0-9]*)" JOBS=$(JOBS) \
	  TEST_SECONDS=900 FG_PASSAGES_STEPS=100000 tests/run.sh $(BUILD)/results tests/check_photo.sh $(TESTS_THERE:%=$(BUILD)/tests/test_%)

photo-reference: setup
	+@$(MAKE) --no-print-directory -j$(JOBS) ARCH= SUITE= build/photo/xnnpack.json \
	  build/photo/cpuref.json build/tests/photo_compare

PHOTO_ENGINE = $(if $(filter cpuref,$*),armnn:CpuRef,$*)
build/photo/%.json: build/tests/photo_embed
	@mkdir -p $(@D)
	$(call say,PHOTO,$(PHOTO_ENGINE))
	$(Q)build/tests/photo_embed --engine $(PHOTO_ENGINE) --system 'Debian 12, x86-64' \
	  --models models models/sample1.jpg >$@

# What photo-reference, check-arm64 and check-debian13 left behind.
engine-table: photo-reference
	@build/tests/photo_compare --table build/photo/xnnpack.json $(sort $(wildcard \
	  build/photo/*.json build/arm64/photo/*.json build/trixie-*/photo/*.json))

# ---- an emulated machine: tests/vm ---------------------------------------------------------------
VM := $(MAKE) --no-print-directory vm-run CASES
check-vm:
	+@$(VM)=all

check-vm-short:
	+@$(VM)=short

soak-camera:
	+@$(VM)=soak

vm-run:
	@tools/setup.sh vm
	@tests/vm/image.sh $(or $(FACEGATE_VM_CACHE),build/vm/cache)
	+@$(MAKE) -s --no-print-directory -j$(JOBS) deb build/vm/uvc_camera build/vm/cp2112_chip \
	  build/vm/feed build/vm/crowd build/vm/stills
	@mkdir -p build/vm/stage
	@build/vm/stills build/vm/stage/film $(foreach n,1 2 3 4 5 6,models/sample$(n).jpg)
	@tests/vm/run.sh $(or $(FACEGATE_VM_CACHE),build/vm/cache) build/vm $(CASES)

build/vm/uvc_camera: $(VM_CAMERA:%=$(BUILD)/obj/tests/vm/%.o) $(call archives,COMMON)
	$(call say,LINK,$@)
	$(call link,-lusbredirparser)

build/vm/cp2112_chip: $(VM_CHIP:%=$(BUILD)/obj/tests/vm/%.o) $(call archives,COMMON)
	$(call say,LINK,$@)
	$(call link,-lusbredirparser)

build/vm/feed: $(BUILD)/obj/tests/vm/feed.o
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) $^ -o $@

build/vm/crowd: $(BUILD)/obj/tests/vm/crowd.o $(call archives,TOOLS COMMON)
	$(call say,LINK,$@)
	$(call link)

build/vm/stills: $(BUILD)/obj/tests/vm/stills.o $(call archives,DEMO TOOLS PIPELINE COMMON)
	$(call say,LINK,$@)
	$(call link)

# ---- figures: each bench prints a table and leaves build/bench/NAME.json -----------------------
ORT := onnxruntime-node@1.20.1
bench: bench-accel bench-pipeline bench-sampler bench-code bench-policy bench-gallery bench-index

bench-accel:
	@tools/setup.sh bench
	+@$(MAKE) --no-print-directory build/bench/bench_accel
	@test -d build/bench/node_modules/onnxruntime-node || { echo 'bench: fetching $(ORT)'; \
	  npm install --silent --prefix build/bench --ignore-scripts $(ORT); }
	@build/bench/bench_accel

bench-pipeline: setup
	+@$(MAKE) --no-print-directory all build/footage build/bench/bench_pipeline
	@build/bench/bench_pipeline

bench-sampler:
	@tools/setup.sh bench
	+@$(MAKE) --no-print-directory build/bench/bench_sampler
	@build/bench/bench_sampler

bench-code: setup
	+@$(MAKE) --no-print-directory build/bench/bench_code
	@build/bench/bench_code

bench-policy: setup
	+@$(MAKE) --no-print-directory build/bench/bench_policy
	@build/bench/bench_policy

bench-gallery: setup
	+@$(MAKE) --no-print-directory all build/bench/bench_gallery
	@build/bench/bench_gallery

# QUICK=1, BIG=1 and MOST=N: see bench/bench_index.c.
bench-index:
	@tools/setup.sh bench
	+@$(MAKE) --no-print-directory all build/bench/bench_index
	@build/bench/bench_index
	@gnuplot bench/index.gnuplot && echo 'build/bench: index.md, index.json, index.svg, index.png'

$(BUILD)/obj/bench/rival_%.o: ALL_CXXFLAGS += -fopenmp
$(BUILD)/obj/bench/rival_hnswlib.o: ALL_CXXFLAGS += -march=native
$(BUILD)/bench/bench_index: $(BENCH_OF_INDEX:%=$(BUILD)/obj/bench/%.o)
$(BUILD)/bench/bench_index: LIBS += -lfaiss -lopenblas -lgomp
$(BUILD)/bench/bench_sampler: $(BUILD)/obj/bench/plain.o
$(BUILD)/bench/bench_sampler: LIBS += -lyuv
$(BUILD)/bench/bench_code: $(addprefix $(BUILD)/obj/tests/,code_scene.o code_tries.o qr_matrix.o)
$(BUILD)/bench/bench_%: $(BUILD)/obj/bench/bench_%.o $(call objects,BENCH) \
  $(BUILD)/obj/tests/reference.o $(call archives,DEMO TOOLS PIPELINE ACCEL MATCHER COMMON)
	$(call say,LINK,$@)
	$(call link)

# ---- quality -------------------------------------------------------------------------------------
lint: setup
	@tools/lint.sh

FUZZ_SECONDS ?= 30
CPP           = accel/engine_armnn pipeline/libcamera_device
FUZZ_SOURCES  = $(filter-out $(CPP:=.c),$(foreach m,COMMON ACCEL PIPELINE MATCHER,$(addprefix \
                $(call lower,$(m))/,$($(m):=.c)))) $(CPP:%=$(BUILD)/obj/%.o)
build/fuzz/%: tests/fuzz_%.c $(FUZZ_SOURCES)
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) -std=c11 -D_GNU_SOURCE -I. $(DEFINES) -O1 -g -pthread \
	  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $< $(FUZZ_SOURCES) \
	  $(FUZZ_HELPERS:%=tests/%.c) $(LIBS) -o $@

fuzz: setup $(FUZZ:%=build/fuzz/%)
	@set -e; for f in $(FUZZ); do \
	  seeds=tests/golden/$$f; [ $$f != profile ] || seeds=profiles; [ -d $$seeds ] || seeds=; \
	  mkdir -p build/fuzz/corpus_$$f; echo "== $$f"; \
	  build/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=20 -print_final_stats=0 \
	    -artifact_prefix=build/fuzz/ build/fuzz/corpus_$$f $$seeds >build/fuzz/$$f.log 2>&1 || \
	    { tail -n 40 build/fuzz/$$f.log; exit 1; }; \
	  tail -n 2 build/fuzz/$$f.log; done

# ---- install -------------------------------------------------------------------------------------
# Settings are in /etc whatever the PREFIX, and what is there already stays.
SYSCONFDIR  ?= /etc
UNITDIR     ?= $(PREFIX)/lib/systemd/system
UDEVDIR     ?= $(PREFIX)/lib/udev
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
LIBEXECDIR  ?= $(PREFIX)/lib/facegate
SHAREDIR     = $(PREFIX)/share/facegate
DOCDIR      ?= $(PREFIX)/share/doc/facegate

MANUALS  := $(wildcard man/*.[1578])
UNITS    := $(wildcard systemd/*.service systemd/*.target)
SETTINGS := $(wildcard conf/*)
EXAMPLES := $(wildcard examples/*)
RULES    := $(wildcard udev/*.rules)
SETTLE   := systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload && \
            udevadm control --reload && \
            udevadm trigger --action=add --subsystem-match=video4linux --subsystem-match=gpio

# Units, rules and settings name files as PREFIX=/usr has them.
PLACES = -e 's|/usr/bin/|$(PREFIX)/bin/|g' -e 's|/usr/lib/udev/|$(UDEVDIR)/|g' \
         -e 's|/usr/lib/facegate/|$(LIBEXECDIR)/|g' -e 's|/usr/share/facegate/|$(SHAREDIR)/|g' \
         -e 's|/etc/facegate/|$(SYSCONFDIR)/facegate/|g'
install_texts = @set -e; for text in $(1); do to=$(DESTDIR)$(2)/$${text\#\#*/}; \
  if [ "$(3)" = once ] && [ -e "$$to" ]; then echo "install: $$to stays as it is"; continue; fi; \
  echo "install $$text $$to"; sed $(PLACES) $$text >$$to; chmod 644 $$to; done

install: all
	@test -e models/MobileFaceNet.tflite || { echo 'install: no models yet; run make setup first'; exit 1; }
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(SHAREDIR)/models $(SHAREDIR)/profiles \
	  $(UNITDIR) $(UDEVDIR)/rules.d $(SYSUSERSDIR) $(TMPFILESDIR) $(LIBEXECDIR) \
	  $(DOCDIR)/examples $(SYSCONFDIR)/facegate)
	for l in $(LANGUAGES); do install -D -m 644 $(BUILD)/locale/$$l/LC_MESSAGES/facegate.mo \
	  $(DESTDIR)$(PREFIX)/share/locale/$$l/LC_MESSAGES/facegate.mo; done
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 755 udev/facegate-camera-name $(DESTDIR)$(UDEVDIR)
	install -m 755 systemd/facegate-master-key $(HELPERS) $(DESTDIR)$(LIBEXECDIR)
	install -m 644 models/*.card $(wildcard models/*.tflite) $(DESTDIR)$(SHAREDIR)/models
	install -m 644 profiles/*.ini profiles/*.conf $(DESTDIR)$(SHAREDIR)/profiles
	install -m 644 systemd/facegate.sysusers $(DESTDIR)$(SYSUSERSDIR)/facegate.conf
	install -m 644 systemd/facegate.tmpfiles $(DESTDIR)$(TMPFILESDIR)/facegate.conf
	install -m 644 systemd/examples/*.conf $(EXAMPLES) $(DESTDIR)$(DOCDIR)/examples
	for m in $(MANUALS); do \
	  install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done
	sed -i -e 's|/usr/local/share/facegate|$(SHAREDIR)|g' -e 's|/usr/local/lib/facegate|$(LIBEXECDIR)|g' \
	  $(MANUALS:man/%=$(DESTDIR)$(PREFIX)/share/man/man?/%)
	$(call install_texts,$(UNITS),$(UNITDIR))
	$(call install_texts,$(RULES),$(UDEVDIR)/rules.d)
	$(call install_texts,$(SETTINGS),$(SYSCONFDIR)/facegate,once)
	@[ -n '$(DESTDIR)' ] || { echo 'install: for the services, once, as root:'; echo '    $(SETTLE)'; }

# Settings, users, gallery and keys stay.
uninstall:
	rm -f $(PROGRAMS:$(BUILD)/%=$(DESTDIR)$(PREFIX)/bin/%) \
	  $(addprefix $(DESTDIR),$(UNITS:systemd/%=$(UNITDIR)/%) $(UDEVDIR)/facegate-camera-name \
	  $(RULES:udev/%=$(UDEVDIR)/rules.d/%) $(SYSUSERSDIR)/facegate.conf $(TMPFILESDIR)/facegate.conf \
	  $(LANGUAGES:%=$(PREFIX)/share/locale/%/LC_MESSAGES/facegate.mo))
	rm -rf $(addprefix $(DESTDIR),$(SHAREDIR) $(LIBEXECDIR) $(DOCDIR))
	for m in $(MANUALS); do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done

# ---- packages: build/deb/facegate_VERSION_ARCH.deb and facegate-models_VERSION_all.deb -----------
deb:
	@tools/setup.sh deb
	@tools/deb.sh $(VERSION)

# Installs, upgrades, removes and purges them in a chroot of its own.
check-deb: deb
	@tests/check_deb.sh

clean:
	rm -rf build

-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d)
