/* A webcam that is not there, for one process: preloaded, it answers the kernel's video calls on one path.
 *
 * EMULATED_WEBCAM is the path (a link to /dev/null, so that it is a character device), EMULATED_WEBCAM_STATE a file
 * that says how the camera is: "run", "stall" (no frames), "gone" (unplugged), "busy" (somebody else streams) or "node"
 * (a webcam's second device). EMULATED_WEBCAM_FRAMES has 0.jpg, 1.jpg, …, which are sent in turn at 30 Hz, each 10 ms
 * after its time stamp. Four buffers; what finds none of them free is dropped, as a driver does it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { kBuffers = 4, kBytes = 1 << 20, kMost = 16 };
static const int64_t kPeriodUs = 1000000 / 30, kTransportUs = 10000;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int handles[kMost], waits[kMost], handle_count;
static unsigned char* memory;
static int queued[kBuffers], queued_count, filled[kBuffers], filled_count;
static int64_t stamps[kBuffers], due_us, frame;
static uint32_t bytes[kBuffers], width = 640, height = 480, format;

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static int is(const char* wanted) {
  char state[16] = "";
  FILE* file = fopen(getenv("EMULATED_WEBCAM_STATE"), "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%15s", state) != 1) state[0] = 0;
  fclose(file);
  return strcmp(state, wanted) == 0;
}

static int ours(int handle) {
  for (int i = 0; i < handle_count; ++i)
    if (handles[i] == handle) return 1;
  return 0;
}

static int waiting(int handle) {
  for (int i = 0; i < handle_count; ++i)
    if (handles[i] == handle) return waits[i];
  return 0;
}

static int fail(int error) {
  errno = error;
  return -1;
}

static int opened(int handle, int flags) {
  pthread_mutex_lock(&mutex);
  if (handle >= 0 && handle_count < kMost) {
    waits[handle_count] = (flags & O_NONBLOCK) == 0;
    handles[handle_count++] = handle;
  }
  pthread_mutex_unlock(&mutex);
  return handle;
}

#define OPEN(name)                                                                    \
  int name(const char* path, int flags, ...) {                                        \
    static int (*next)(const char*, int, ...);                                        \
    if (next == NULL) next = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, #name); \
    va_list rest;                                                                     \
    va_start(rest, flags);                                                            \
    const mode_t mode = va_arg(rest, mode_t);                                         \
    va_end(rest);                                                                     \
    const char* wanted = getenv("EMULATED_WEBCAM");                                   \
    if (wanted == NULL || strcmp(path, wanted) != 0) return next(path, flags, mode);  \
    if (is("gone")) return fail(ENOENT);                                              \
    return opened(next(path, flags, mode), flags);                                    \
  }
OPEN(open)
OPEN(open64)

int close(int handle) {
  static int (*next)(int);
  if (next == NULL) next = (int (*)(int))dlsym(RTLD_NEXT, "close");
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < handle_count; ++i)
    if (handles[i] == handle) {
      handles[i] = handles[--handle_count];
      waits[i] = waits[handle_count];
    }
  pthread_mutex_unlock(&mutex);
  return next(handle);
}

#define MMAP(name, offset_type)                                                                             \
  void* name(void* start, size_t length, int protection, int flags, int handle, offset_type offset) {       \
    static void* (*next)(void*, size_t, int, int, int, offset_type);                                        \
    if (next == NULL) next = (void* (*)(void*, size_t, int, int, int, offset_type))dlsym(RTLD_NEXT, #name); \
    if (handle < 0 || !ours(handle)) return next(start, length, protection, flags, handle, offset);         \
    return memory + offset;                                                                                 \
  }
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

int munmap(void* start, size_t length) {
  static int (*next)(void*, size_t);
  if (next == NULL) next = (int (*)(void*, size_t))dlsym(RTLD_NEXT, "munmap");
  if (memory != NULL && (unsigned char*)start >= memory && (unsigned char*)start < memory + kBuffers * kBytes) return 0;
  return next(start, length);
}

static uint32_t fill(unsigned char* into, int64_t number) {
  if (format == V4L2_PIX_FMT_YUYV) {
    memset(into, 128, width * height * 2);
    for (uint32_t i = 0; i < width * height; ++i) into[2 * i] = (unsigned char)(60 + number % 100);
    return width * height * 2;
  }
  char path[512];
  snprintf(path, sizeof path, "%s/%d.jpg", getenv("EMULATED_WEBCAM_FRAMES"), (int)(number % 8));
  FILE* file = fopen(path, "rb");
  if (file == NULL) return 0;
  const size_t count = fread(into, 1, kBytes, file);
  fclose(file);
  return (uint32_t)count;
}

static void expose(void) {
  const int still = is("stall");
  for (; due_us + kTransportUs <= now_us(); due_us += kPeriodUs) {
    if (still || queued_count == 0) continue;
    const int index = queued[0];
    memmove(queued, queued + 1, --queued_count * sizeof queued[0]);
    bytes[index] = fill(memory + index * kBytes, frame++);
    stamps[index] = due_us;
    filled[filled_count++] = index;
  }
}

static int dequeue(struct v4l2_buffer* buffer) {
  if (is("gone")) return fail(ENODEV);
  expose();
  if (filled_count == 0) return fail(EAGAIN);
  const int index = filled[0];
  memmove(filled, filled + 1, --filled_count * sizeof filled[0]);
  buffer->index = (uint32_t)index;
  buffer->bytesused = bytes[index];
  buffer->timestamp.tv_sec = stamps[index] / 1000000;
  buffer->timestamp.tv_usec = stamps[index] % 1000000;
  buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  return 0;
}

static int answer(unsigned long request, void* data) {
  static const uint32_t formats[] = {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_H264};
  switch (request) {
    case VIDIOC_QUERYCAP: {
      struct v4l2_capability* can = data;
      memset(can, 0, sizeof *can);
      strcpy((char*)can->card, "Emulated Webcam");
      can->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING | V4L2_CAP_DEVICE_CAPS;
      can->device_caps = is("node") ? V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING : can->capabilities;
      return 0;
    }
    case VIDIOC_ENUM_FMT: {
      struct v4l2_fmtdesc* one = data;
      if (one->index >= 3 || one->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
      one->pixelformat = formats[one->index];
      return 0;
    }
    case VIDIOC_ENUM_FRAMESIZES: {
      struct v4l2_frmsizeenum* one = data;
      if (one->index >= 2) return fail(EINVAL);
      one->type = V4L2_FRMSIZE_TYPE_DISCRETE;
      one->discrete.width = one->index == 0 ? 640 : 64;
      one->discrete.height = one->index == 0 ? 480 : 48;
      return 0;
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
      struct v4l2_frmivalenum* one = data;
      /* Compressed pictures come at 30 Hz, and raw ones at 15 Hz, as over USB 2. */
      if (one->index >= 1) return fail(EINVAL);
      one->type = V4L2_FRMIVAL_TYPE_DISCRETE;
      one->discrete.numerator = one->pixel_format == V4L2_PIX_FMT_YUYV ? 666666 : 333333;
      one->discrete.denominator = 10000000;
      return 0;
    }
    case VIDIOC_G_INPUT:
      *(int*)data = 0;
      return 0;
    case VIDIOC_ENUMINPUT:
      return 0;
    case VIDIOC_S_FMT: {
      struct v4l2_format* one = data;
      if (is("busy")) return fail(EBUSY);
      format = one->fmt.pix.pixelformat == V4L2_PIX_FMT_MJPEG ? V4L2_PIX_FMT_MJPEG : V4L2_PIX_FMT_YUYV;
      width = one->fmt.pix.width == 64 ? 64 : 640;
      height = one->fmt.pix.width == 64 ? 48 : 480;
      one->fmt.pix.pixelformat = format;
      one->fmt.pix.width = width;
      one->fmt.pix.height = height;
      return 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
      struct v4l2_streamparm* one = data;
      one->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
      one->parm.capture.timeperframe = (struct v4l2_fract){333333, 10000000};
      return 0;
    }
    case VIDIOC_REQBUFS:
      if (memory == NULL) memory = calloc(kBuffers, kBytes);
      ((struct v4l2_requestbuffers*)data)->count = kBuffers;
      queued_count = filled_count = 0;
      return 0;
    case VIDIOC_QUERYBUF: {
      struct v4l2_buffer* one = data;
      one->length = kBytes;
      one->m.offset = one->index * kBytes;
      return 0;
    }
    case VIDIOC_QBUF:
      queued[queued_count++] = (int)((struct v4l2_buffer*)data)->index;
      return 0;
    case VIDIOC_DQBUF:
      return dequeue(data);
    case VIDIOC_STREAMON:
      due_us = now_us();
      return 0;
    case VIDIOC_STREAMOFF:
      return 0;
    default:
      return fail(ENOTTY);
  }
}

int ioctl(int handle, unsigned long request, ...) {
  static int (*next)(int, unsigned long, ...);
  if (next == NULL) next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  va_list rest;
  va_start(rest, request);
  void* data = va_arg(rest, void*);
  va_end(rest);
  if (!ours(handle)) return next(handle, request, data);
  pthread_mutex_lock(&mutex);
  /* Python's ioctl passes the number as a signed int. */
  int result = answer((unsigned long)(uint32_t)request, data);
  /* Whoever opened it without O_NONBLOCK waits in the kernel for the next picture. */
  while (result < 0 && errno == EAGAIN && waiting(handle)) {
    pthread_mutex_unlock(&mutex);
    usleep(1000);
    pthread_mutex_lock(&mutex);
    result = answer((unsigned long)(uint32_t)request, data);
  }
  pthread_mutex_unlock(&mutex);
  return result;
}
