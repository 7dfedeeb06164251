// SPDX-License-Identifier: Apache-2.0
// libcamera behind a C face: the only file that includes it. Nothing is thrown out of it. Written
// for libcamera 0.0.3 (Debian 12) and 0.4 (Debian 13), whose differences are behind IS_OLD.
#include <libcamera/libcamera.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <streambuf>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/camera_wish.h"
#include "pipeline/libcamera_device.h"
#include "pipeline/libcamera_inbox.h"
#include "pipeline/libcamera_settings.h"

#define IS_OLD (LIBCAMERA_VERSION_MAJOR == 0 && LIBCAMERA_VERSION_MINOR == 0)

namespace
{

using libcamera::Camera;
using libcamera::CameraConfiguration;
using libcamera::CameraManager;
using libcamera::ControlId;
using libcamera::ControlInfo;
using libcamera::ControlInfoMap;
using libcamera::ControlList;
using libcamera::ControlValue;
using libcamera::FrameBuffer;
using libcamera::FrameMetadata;
using libcamera::PixelFormat;
using libcamera::Request;
using libcamera::Size;
using libcamera::StreamConfiguration;
using libcamera::StreamFormats;
using libcamera::StreamRole;

namespace controls = libcamera::controls;

// ---- libcamera's log ----------------------------------------------------------------------------

// Keeps the last error for our own sentence and drops the rest; a message comes in one piece. A
// fatal one is passed on: libcamera aborts the program after it.
class Log final : public std::streambuf
{
  public:
    void forget()
    {
        std::lock_guard<std::mutex> guard(lock);
        last.clear();
    }

    std::string error()
    {
        std::lock_guard<std::mutex> guard(lock);
        return last;
    }

  protected:
    // "[1:02:03.456] [789] ERROR V4L2 v4l2_device.cpp:390 'camera': Unable to ..."
    std::streamsize xsputn(const char *text, std::streamsize length) override
    {
        std::string line(text, static_cast<size_t>(length));
        if (line.find("] FATAL ") != std::string::npos) {
            ssize_t put = write(STDERR_FILENO, text, line.size());
            (void)put; // there is nobody else to tell
        }
        size_t at = line.find("] ERROR ");
        for (int word = 0; word < 3 && at != std::string::npos; word++)
            at = line.find(' ', at + 2);
        if (at != std::string::npos) {
            line.erase(line.find_last_not_of("\n ") + 1);
            std::lock_guard<std::mutex> guard(lock);
            last = line.substr(std::min(at + 1, line.size()));
        }
        return length;
    }

    int overflow(int character) override
    {
        return traits_type::not_eof(character);
    }

  private:
    std::mutex lock;
    std::string last;
};

// It outlives libcamera's threads and whatever it logs while the program ends.
Log &the_log()
{
    static Log *log = new Log;
    return *log;
}

void listen_to_log()
{
    if (getenv("LIBCAMERA_LOG_LEVELS") || getenv("LIBCAMERA_LOG_FILE"))
        return; // somebody wants to read it
    static std::ostream *stream = new std::ostream(&the_log());
    libcamera::logSetStream(stream);
}

int fail(const char *id, const char *doing, int code, struct fg_error *err)
{
    std::string reason = the_log().error();
    return fg_fail(err, code, "%s: %s: %s%s%s", id, doing, strerror(-code),
                   reason.empty() ? "" : "; libcamera says: ", reason.c_str());
}

// ---- what libcamera's thread does ---------------------------------------------------------------

class Listener
{
  public:
    explicit Listener(struct fg_libcamera_inbox *inbox) : inbox(inbox)
    {
    }
    Listener(const Listener &) = delete;
    Listener &operator=(const Listener &) = delete;
    ~Listener()
    {
        fg_libcamera_inbox_destroy(inbox);
    }

    void complete(Request *request)
    {
        fg_libcamera_inbox_put(inbox, static_cast<unsigned>(request->cookie()));
    }

    void disconnect()
    {
        fg_libcamera_inbox_tell_gone(inbox);
    }

    struct fg_libcamera_inbox *const inbox;
};

// ---- the manager: libcamera allows one a process ------------------------------------------------

struct Manager {
    CameraManager cameras;
    // Those of closed devices. libcamera's thread may still be on its way out of one, until the
    // manager has stopped that thread.
    std::vector<std::unique_ptr<Listener>> listeners;

    ~Manager()
    {
        cameras.stop();
    }
};

std::mutex manager_lock;
unsigned manager_users;
Manager *manager; // by hand: it must not stop while statics are destroyed, libcamera's may be gone

int hold_manager(struct fg_error *err)
{
    std::lock_guard<std::mutex> guard(manager_lock);
    if (manager_users == 0) {
        listen_to_log();
        auto fresh = std::make_unique<Manager>();
        int code = fresh->cameras.start();
        if (code)
            return fail("libcamera", "it does not start", code, err);
        manager = fresh.release();
        the_log().forget(); // what it lacks for cameras that may not be ours
    }
    manager_users++;
    return 0;
}

// Without memory to keep a listener in, the program ends: it could not be let go safely.
void drop_manager(std::unique_ptr<Listener> listener) noexcept
{
    std::lock_guard<std::mutex> guard(manager_lock);
    if (--manager_users > 0) {
        if (listener)
            manager->listeners.push_back(std::move(listener));
        return;
    }
    delete manager; // then the listener
    manager = nullptr;
}

// ---- which camera -------------------------------------------------------------------------------

std::shared_ptr<Camera> find_by_number(dev_t number)
{
#if IS_OLD
    return manager->cameras.get(number);
#else
    for (const std::shared_ptr<Camera> &camera : manager->cameras.cameras()) {
        auto devices = camera->properties().get(libcamera::properties::SystemDevices);
        if (devices && std::count(devices->begin(), devices->end(), static_cast<int64_t>(number)))
            return camera;
    }
    return nullptr;
#endif
}

bool is_node(const std::string &name)
{
    return name.rfind("/dev/", 0) == 0;
}

std::shared_ptr<Camera> find_camera(const std::string &name)
{
    struct stat status;
    if (name.empty()) {
        auto all = manager->cameras.cameras();
        return all.empty() ? nullptr : all.front();
    }
    if (!is_node(name))
        return manager->cameras.get(name);
    if (stat(name.c_str(), &status) || !S_ISCHR(status.st_mode))
        return nullptr;
    return find_by_number(status.st_rdev);
}

int fail_unknown(const std::string &name, struct fg_error *err)
{
    std::string ids;
    for (const std::shared_ptr<Camera> &camera : manager->cameras.cameras())
        ids += (ids.empty() ? "" : ", ") + camera->id();
    if (is_node(name) && access(name.c_str(), F_OK))
        return fg_fail(err, -ENODEV, "%s: %s", name.c_str(), strerror(errno));
    if (ids.empty())
        return fg_fail(err, -ENODEV,
                       "libcamera finds no camera: is it plugged in, and may this user open its "
                       "/dev/media and /dev/video nodes?");
    return fg_fail(err, -ENODEV, "libcamera has no camera '%.100s'; it has %s", name.c_str(),
                   ids.c_str());
}

// ---- a device -----------------------------------------------------------------------------------

struct Device {
    std::unique_ptr<Listener> listener;
    std::shared_ptr<Camera> camera;
    bool holds = false; // the manager
    bool acquired = false, connected = false, started = false;
    std::unique_ptr<CameraConfiguration> configuration;
    std::unique_ptr<libcamera::FrameBufferAllocator> allocator;
    std::vector<FrameBuffer *> buffers; // the allocator's
    std::vector<std::unique_ptr<Request>> requests;
    std::deque<ControlList> controls; // for the next requests, one each
    uint32_t used = 0;                // requests that were queued before
    uint32_t carriers = 0;            // requests that were queued with controls

    StreamConfiguration &stream() const
    {
        return configuration->at(0);
    }

    const char *id() const
    {
        return camera->id().c_str();
    }

    int hold(std::unique_ptr<Listener> fresh, struct fg_error *err)
    {
        listener = std::move(fresh);
        int code = hold_manager(err);
        holds = code == 0;
        return code;
    }

    ~Device();
};

void stop(Device &device)
{
    if (device.started)
        device.camera->stop(); // an unplugged camera has stopped by itself
    device.started = false;
}

// Requests tell the camera that they end, so it must be there, and the buffers too; all of it must
// go before the manager.
Device::~Device()
{
    try {
        stop(*this);
        if (connected) {
            camera->requestCompleted.disconnect(listener.get());
            camera->disconnected.disconnect(listener.get());
        }
        requests.clear();
        allocator.reset();
        configuration.reset();
        if (acquired)
            camera->release();
    } catch (...) { // what fails while it lets go leaves nothing to undo
    }
    camera.reset();
    if (holds)
        drop_manager(std::move(listener));
}

// ---- format -------------------------------------------------------------------------------------

const struct {
    uint32_t fourcc;
    PixelFormat format;
} known_formats[] = {
    {FG_FOURCC_NV12, libcamera::formats::NV12}, {FG_FOURCC_YUYV, libcamera::formats::YUYV},
    {FG_FOURCC_UYVY, libcamera::formats::UYVY}, {FG_FOURCC_MJPG, libcamera::formats::MJPEG},
    {FG_FOURCC_GREY, libcamera::formats::R8},
};

PixelFormat pixel_format(uint32_t fourcc)
{
    for (const auto &known : known_formats)
        if (known.fourcc == fourcc)
            return known.format;
    return {};
}

std::vector<uint32_t> wished_formats(const struct fg_camera_wish &wish)
{
    std::vector<uint32_t> wished;
    struct fg_word word;
    for (const char *at = wish.formats; fg_camera_next_word(&at, &word);)
        wished.push_back(fg_camera_format(word));
    return wished;
}

bool is_nearer(const Size &a, const Size &b, const Size &want)
{
    return fg_camera_is_nearer({a.width, a.height}, {b.width, b.height}, {want.width, want.height});
}

Size nearest_size(const StreamFormats &formats, const PixelFormat &format, const Size &want)
{
    const libcamera::SizeRange range = formats.range(format);
    // Without steps it is only what libcamera drew around single sizes.
    if (range.hStep && range.vStep && range.contains(want))
        return want;
    Size best;
    for (const Size &size : formats.sizes(format))
        if (is_nearer(size, best, want))
            best = size;
    return best.isNull() ? range.max : best;
}

// The wished format with the nearest size, the first of them. libcamera does not say which rates
// go with which.
void choose(StreamConfiguration &stream, const std::vector<uint32_t> &wished, const Size &want)
{
    const StreamFormats &formats = stream.formats();
    const std::vector<PixelFormat> offered = formats.pixelformats();
    stream.size = Size();
    for (uint32_t fourcc : wished) {
        const PixelFormat format = pixel_format(fourcc);
        if (!std::count(offered.begin(), offered.end(), format))
            continue;
        const Size size = nearest_size(formats, format, want);
        if (is_nearer(size, stream.size, want)) {
            stream.size = size;
            stream.pixelFormat = format;
        }
    }
    if (!stream.size.isNull())
        return;
    stream.size = want; // it lists nothing: ask, and see what it makes of it
    stream.pixelFormat = pixel_format(wished.front());
}

int fail_format(const Device &device, const struct fg_camera_wish &wish, struct fg_error *err)
{
    std::string offered;
    for (const PixelFormat &format : device.stream().formats().pixelformats())
        offered += " " + format.toString();
    return fg_fail(err, -ENOTSUP, "%s: it has none of the formats %s; libcamera lists%s",
                   device.id(), wish.formats, offered.empty() ? " none" : offered.c_str());
}

// 0: nothing that was wished.
uint32_t agreed_format(const StreamConfiguration &stream, const std::vector<uint32_t> &wished)
{
    for (uint32_t fourcc : wished)
        if (pixel_format(fourcc) == stream.pixelFormat)
            return fourcc;
    return 0;
}

std::unique_ptr<CameraConfiguration> generate(Camera &camera)
{
    auto configuration = camera.generateConfiguration({StreamRole::VideoRecording});
    if (!configuration || configuration->empty())
        configuration = camera.generateConfiguration({StreamRole::Viewfinder});
    return configuration;
}

bool is_full_range(uint32_t fourcc, const StreamConfiguration &stream)
{
    return fourcc == FG_FOURCC_MJPG || fourcc == FG_FOURCC_GREY ||
           (stream.colorSpace && stream.colorSpace->range == libcamera::ColorSpace::Range::Full);
}

int configure(Device &device, const struct fg_camera_wish &wish, struct fg_libcamera_setup &setup,
              struct fg_error *err)
{
    device.configuration = generate(*device.camera);
    if (!device.configuration || device.configuration->empty())
        return fg_fail(err, -ENOTSUP, "%s: libcamera has no video stream of it", device.id());
    const std::vector<uint32_t> wished = wished_formats(wish);
    StreamConfiguration &stream = device.stream();
    choose(stream, wished, Size(wish.width, wish.height));
    stream.bufferCount = wish.buffers;
    if (device.configuration->validate() == CameraConfiguration::Invalid)
        return fail(device.id(), "it refuses every size and format", -ENOTSUP, err);
    const uint32_t fourcc = agreed_format(stream, wished);
    if (!fourcc || !is_nearer(stream.size, Size(), stream.size))
        return fail_format(device, wish, err);
    int code = device.camera->configure(device.configuration.get());
    if (code)
        return fail(device.id(), "setting the format", code, err);
    setup.fourcc = fourcc;
    setup.width = stream.size.width;
    setup.height = stream.size.height;
    setup.stride = fourcc == FG_FOURCC_MJPG ? 0 : stream.stride;
    setup.full_range = is_full_range(fourcc, stream);
    return 0;
}

// ---- controls -----------------------------------------------------------------------------------

// Drivers refuse some amounts while the switch beside them is on automatic, so switches go first.
struct Settings {
    ControlList switches{controls::controls}, amounts{controls::controls};
};

std::optional<double> to_number(const ControlValue &value)
{
    if (value.isArray())
        return std::nullopt;
    switch (value.type()) {
    case libcamera::ControlTypeBool:
        return value.get<bool>();
    case libcamera::ControlTypeByte:
        return value.get<uint8_t>();
    case libcamera::ControlTypeInteger32:
        return value.get<int32_t>();
    case libcamera::ControlTypeInteger64:
        return static_cast<double>(value.get<int64_t>());
    case libcamera::ControlTypeFloat:
        return value.get<float>();
    default:
        return std::nullopt;
    }
}

// Empty: the control's type does not hold it.
ControlValue to_value(const ControlId &id, double number)
{
    ControlValue value;
    switch (id.type()) {
    case libcamera::ControlTypeBool:
        value.set(number != 0);
        break;
    case libcamera::ControlTypeByte:
        value.set(static_cast<uint8_t>(std::clamp(number, 0., 255.)));
        break;
    case libcamera::ControlTypeInteger32:
        value.set(static_cast<int32_t>(std::clamp(number, -2147483648., 2147483647.)));
        break;
    case libcamera::ControlTypeInteger64:
        value.set(static_cast<int64_t>(std::clamp(number, -9e15, 9e15)));
        break;
    case libcamera::ControlTypeFloat:
        value.set(static_cast<float>(number));
        return value; // rounded, and meant so
    default:
        break;
    }
    return to_number(value) == number ? value : ControlValue();
}

bool takes_list(const ControlId &id)
{
#if IS_OLD
    for (unsigned list :
         {controls::COLOUR_GAINS, controls::SENSOR_BLACK_LEVELS, controls::COLOUR_CORRECTION_MATRIX,
          controls::FRAME_DURATION_LIMITS, controls::AF_WINDOWS})
        if (id.id() == list)
            return true;
    return false;
#else
    return id.isArray();
#endif
}

// A control that has no limits that are numbers takes any.
bool is_allowed(const ControlInfo &info, double number)
{
    if (!info.values().empty())
        return std::any_of(info.values().begin(), info.values().end(),
                           [=](const ControlValue &value) { return to_number(value) == number; });
    // float limits are compared as what they were written as
    const float slack = 1e-6f * static_cast<float>(std::fabs(number));
    return number >= to_number(info.min()).value_or(number) - slack &&
           number <= to_number(info.max()).value_or(number) + slack;
}

const ControlInfoMap::value_type *find_control(const Camera &camera, const std::string &name)
{
    for (const auto &control : camera.controls())
        if (control.first->name() == name)
            return &control;
    return nullptr;
}

int fail_control(const Camera &camera, const char *name, struct fg_error *err)
{
    std::string names;
    for (const auto &control : camera.controls())
        names += " " + control.first->name();
    return fg_fail(err, -EINVAL, "%s: the camera has no control %s; libcamera lists%s",
                   camera.id().c_str(), name, names.empty() ? " none" : names.c_str());
}

int set_control(const Camera &camera, const struct fg_libcamera_setting &wish, Settings &settings,
                struct fg_error *err)
{
    const auto *control = find_control(camera, wish.name);
    if (!control)
        return wish.if_there ? 0 : fail_control(camera, wish.name, err);
    const ControlId &id = *control->first;
    const ControlInfo &info = control->second;
    const ControlValue value = takes_list(id) ? ControlValue() : to_value(id, wish.value);
    if (value.isNone() || !is_allowed(info, wish.value))
        return fg_fail(err, -EINVAL, "%s: control %s is %s on this camera, not %g",
                       camera.id().c_str(), wish.name,
                       takes_list(id) ? "no single number" : info.toString().c_str(), wish.value);
    const bool is_switch = value.type() == libcamera::ControlTypeBool || !info.values().empty();
    (is_switch ? settings.switches : settings.amounts).set(id.id(), value);
    return 0;
}

// What the camera has that is nearest; one that lists no durations has its own.
double set_rate(const Camera &camera, double rate, Settings &settings)
{
    const auto *control = find_control(camera, controls::FrameDurationLimits.name());
    if (!control)
        return 0;
    const double least = to_number(control->second.min()).value_or(0);
    const double most = to_number(control->second.max()).value_or(0);
    if (!(least > 0 && most >= least && most < 1e12))
        return 0;
    const int64_t us = std::llround(std::clamp(1e6 / rate, least, most));
    settings.amounts.set(controls::FrameDurationLimits, {us, us});
    return 1e6 / static_cast<double>(us);
}

int plan_controls(Device &device, const struct fg_camera_wish &wish,
                  struct fg_libcamera_setup &setup, struct fg_error *err)
{
    struct fg_libcamera_settings wished;
    Settings settings;
    setup.rate = set_rate(*device.camera, wish.rate, settings);
    int code = fg_libcamera_settings_read(&wish, &wished, err);
    for (unsigned i = 0; code == 0 && i < wished.n; i++)
        code = set_control(*device.camera, wished.all[i], settings, err);
    for (const ControlList *list : {&settings.switches, &settings.amounts})
        if (code == 0 && !list->empty())
            device.controls.push_back(*list);
    return code;
}

// ---- buffers ------------------------------------------------------------------------------------

#define MIN_BUFFERS 3u // one being filled, one in the mailbox, one in inference

int check_planes(const Device &device, const struct fg_libcamera_setup &setup, struct fg_error *err)
{
    for (const FrameBuffer *buffer : device.buffers) {
        // 0.4's virtual cameras add an empty one
        if (buffer->planes().size() < setup.n_planes)
            return fg_fail(err, -EPROTO, "%s: libcamera has %zu planes where %s has %u",
                           device.id(), buffer->planes().size(),
                           fg_camera_format_name(setup.fourcc), setup.n_planes);
        for (const FrameBuffer::Plane &plane : buffer->planes())
            if (!plane.fd.isValid() || plane.offset == FrameBuffer::Plane::kInvalidOffset)
                return fg_fail(err, -EPROTO, "%s: libcamera does not say where its buffers lie",
                               device.id());
    }
    return 0;
}

int allocate(Device &device, struct fg_libcamera_setup &setup, struct fg_error *err)
{
    libcamera::Stream *stream = device.stream().stream();
    device.allocator = std::make_unique<libcamera::FrameBufferAllocator>(device.camera);
    int code = device.allocator->allocate(stream);
    if (code < 0)
        return fail(device.id(), "making buffers", code, err);
    for (const std::unique_ptr<FrameBuffer> &buffer : device.allocator->buffers(stream))
        if (device.buffers.size() < FG_POOL_SLOTS)
            device.buffers.push_back(buffer.get());
    setup.n_buffers = static_cast<unsigned>(device.buffers.size());
    setup.n_planes = setup.fourcc == FG_FOURCC_NV12 ? 2 : 1;
    if (setup.n_buffers < MIN_BUFFERS)
        return fg_fail(err, -EPROTO, "%s: libcamera makes %u buffers where %u are needed",
                       device.id(), setup.n_buffers, MIN_BUFFERS);
    return check_planes(device, setup, err);
}

int make_requests(Device &device, struct fg_error *err)
{
    for (size_t i = 0; i < device.buffers.size(); i++) {
        auto request = device.camera->createRequest(i);
        int code = request ? request->addBuffer(device.stream().stream(), device.buffers[i]) : -EIO;
        if (code)
            return fail(device.id(), "making requests", code, err);
        device.requests.push_back(std::move(request));
    }
    return 0;
}

// ---- the face -----------------------------------------------------------------------------------

// Whatever libcamera or the library throws ends here.
template <typename Body> int guarded(struct fg_error *err, Body body) noexcept
{
    try {
        the_log().forget();
        return body();
    } catch (const std::bad_alloc &) {
        return fg_fail(err, -ENOMEM, "no memory for libcamera");
    } catch (const std::exception &error) {
        return fg_fail(err, -EIO, "libcamera failed: %s", error.what());
    } catch (...) {
        return fg_fail(err, -EIO, "libcamera failed");
    }
}

int acquire(Device &device, const std::string &name, struct fg_error *err)
{
    device.camera = find_camera(name);
    if (!device.camera)
        return fail_unknown(name, err);
    int code = device.camera->acquire();
    device.acquired = code == 0;
    if (code == -EBUSY)
        return fg_fail(err, code, "%s: another program uses the camera; stop that one",
                       device.id());
    return code ? fail(device.id(), "taking the camera", code, err) : 0;
}

void name_camera(const Camera &camera, struct fg_libcamera_setup &setup)
{
    auto model = camera.properties().get(libcamera::properties::Model);
    snprintf(setup.id, sizeof setup.id, "%s", camera.id().c_str());
    snprintf(setup.model, sizeof setup.model, "%s", model ? model->c_str() : "no model");
}

int open_device(Device &device, const std::string &name, const struct fg_camera_wish &wish,
                struct fg_libcamera_setup &setup, struct fg_error *err)
{
    int code = acquire(device, name, err);
    if (code)
        return code;
    name_camera(*device.camera, setup);
    code = configure(device, wish, setup, err);
    if (code == 0)
        code = plan_controls(device, wish, setup, err);
    if (code == 0)
        code = allocate(device, setup, err);
    if (code == 0)
        code = make_requests(device, err);
    return code;
}

std::unique_ptr<Listener> make_listener(struct fg_error *err)
{
    struct fg_libcamera_inbox *inbox = nullptr;
    int code = fg_libcamera_inbox_create(&inbox);
    if (code == 0)
        return std::make_unique<Listener>(inbox);
    fail("libcamera", "no descriptor for its events", code, err);
    return nullptr;
}

int real_open(const char *name, const struct fg_camera_wish *wish, void **ret_device,
              struct fg_libcamera_setup *ret_setup, struct fg_error *err)
{
    return guarded(err, [&] {
        struct fg_libcamera_setup setup = {};
        auto listener = make_listener(err);
        if (!listener)
            return -EMFILE;
        auto device = std::make_unique<Device>();
        int code = device->hold(std::move(listener), err);
        if (code == 0)
            code = open_device(*device, name, *wish, setup, err);
        if (code)
            return code;
        *ret_setup = setup;
        *ret_device = device.release();
        return 0;
    });
}

struct fg_plane_place real_place(const void *state, unsigned buffer, unsigned plane)
{
    const auto *device = static_cast<const Device *>(state);
    const FrameBuffer::Plane &found = device->buffers[buffer]->planes()[plane];
    return {found.fd.get(), found.offset, found.length};
}

// Some handlers take controls when they start, some only from a request.
int real_start(void *state, struct fg_error *err)
{
    auto *device = static_cast<Device *>(state);
    return guarded(err, [&] {
        ControlList all(controls::controls);
        for (const ControlList &list : device->controls)
            all.merge(list);
        device->camera->requestCompleted.connect(device->listener.get(), &Listener::complete);
        device->camera->disconnected.connect(device->listener.get(), &Listener::disconnect);
        device->connected = true;
        int code = device->camera->start(all.empty() ? nullptr : &all);
        device->started = code == 0;
        return code ? fail(device->id(), "starting the stream", code, err) : 0;
    });
}

int real_queue(void *state, unsigned buffer, struct fg_error *err)
{
    auto *device = static_cast<Device *>(state);
    return guarded(err, [&] {
        const uint32_t bit = UINT32_C(1) << buffer;
        Request &request = *device->requests[buffer];
        if (device->used & bit)
            request.reuse(Request::ReuseBuffers);
        device->used |= bit;
        device->carriers &= ~bit;
        if (!device->controls.empty()) {
            request.controls().merge(device->controls.front());
            device->controls.pop_front();
            device->carriers |= bit;
        }
        int code = device->camera->queueRequest(&request);
        if (code == -EACCES) // no longer running: unplugged just now
            code = -ENODEV;
        return code ? fail(device->id(), "queueing a buffer", code, err) : 0;
    });
}

int real_fd(const void *state)
{
    return fg_libcamera_inbox_fd(static_cast<const Device *>(state)->listener->inbox);
}

void read_frame(Request &request, const FrameBuffer &buffer, struct fg_libcamera_arrival &arrival)
{
    const FrameMetadata &metadata = buffer.metadata();
    const auto planes = metadata.planes();
    uint64_t bytes = 0;
    if (metadata.status != FrameMetadata::FrameSuccess)
        arrival.state = FG_ARRIVAL_BROKEN;
    arrival.sequence = metadata.sequence;
    arrival.t_ns = metadata.timestamp;
    for (size_t i = 0; i < planes.size() && i < std::size(arrival.bytes); i++)
        bytes += arrival.bytes[i] = planes[i].bytesused;
    if (arrival.t_ns)
        return;
    auto t_sensor_ns = request.metadata().get(controls::SensorTimestamp);
    arrival.t_ns = t_sensor_ns && *t_sensor_ns > 0 ? static_cast<uint64_t>(*t_sensor_ns) : 0;
    // Neither time nor size: there is no driver, and this handler does not fill them in (0.4's
    // virtual cameras).
    for (size_t i = 0; bytes == 0 && i < planes.size() && i < std::size(arrival.bytes); i++)
        arrival.bytes[i] = buffer.planes()[i].length;
}

bool real_take(void *state, struct fg_libcamera_arrival *ret)
{
    auto *device = static_cast<Device *>(state);
    struct fg_libcamera_arrival arrival = {};
    if (!fg_libcamera_inbox_take(device->listener->inbox, &arrival.buffer, &arrival.t_done_ns))
        return false;
    // Ours again since libcamera's thread put it into the inbox, whose lock orders the two.
    Request &request = *device->requests[arrival.buffer];
    const FrameBuffer &buffer = *device->buffers[arrival.buffer];
    *ret = arrival;
    ret->with_controls = device->carriers >> arrival.buffer & 1;
    ret->state = FG_ARRIVAL_WHOLE;
    if (request.status() != Request::RequestComplete ||
        buffer.metadata().status == FrameMetadata::FrameCancelled)
        ret->state = FG_ARRIVAL_CANCELLED;
    else
        read_frame(request, buffer, *ret);
    return true;
}

bool real_is_gone(const void *state)
{
    return fg_libcamera_inbox_is_gone(static_cast<const Device *>(state)->listener->inbox);
}

void real_stop(void *state)
{
    guarded(nullptr, [&] {
        stop(*static_cast<Device *>(state));
        return 0;
    });
}

void real_close(void *state)
{
    delete static_cast<Device *>(state);
}

bool real_is_there(const char *name)
{
    int code = guarded(nullptr, [&] {
        Device device;
        int held = device.hold(nullptr, nullptr);
        return held ? held : find_camera(name) ? 0 : -ENODEV;
    });
    return code == 0;
}

} // namespace

extern "C" const struct fg_libcamera_system fg_libcamera_real = {
    real_open, real_place,   real_start, real_queue, real_fd,
    real_take, real_is_gone, real_stop,  real_close, real_is_there,
};
