#include "record/mcap_file.hpp"

#include "record/posix_sink.hpp"

#define MCAP_IMPLEMENTATION
#define MCAP_COMPRESSION_NO_LZ4
#define MCAP_COMPRESSION_NO_ZSTD
#define MCAP_PUBLIC
#include <mcap/writer.hpp>

namespace retain {

namespace {

constexpr std::uint64_t kChunkBytes = 256 * 1024;
constexpr Nanoseconds kChunkNs = kNanosecondsPerSecond;

/// Where the library's bytes go. Its own file writer does not look at what the disk answers.
class Output final : public mcap::IWritable {
 public:
  void end() override { sink.close(); }
  [[nodiscard]] std::uint64_t size() const override { return claimed_; }

  PosixSink sink;

 protected:
  void handleWrite(const std::byte* data, std::uint64_t size) override {
    sink.write({data, size});
    claimed_ += size;
  }

 private:
  std::uint64_t claimed_ = 0;
};

}  // namespace

struct McapFile::Writer {
  Output output;
  mcap::McapWriter file;
  Nanoseconds chunk_began_ns = 0;
};

McapFile::McapFile(const std::vector<Topic>& topics) : writer_(std::make_unique<Writer>()) {
  std::map<std::string, mcap::SchemaId> schemas;
  for (const Topic& topic : topics) {
    if (!schemas.contains(topic.schema)) {
      mcap::Schema schema(topic.schema, "ros2msg", topic.definition);
      writer_->file.addSchema(schema);
      schemas[topic.schema] = schema.id;
    }
    mcap::Channel channel(topic.name, "cdr", schemas[topic.schema]);
    writer_->file.addChannel(channel);
  }
}

McapFile::~McapFile() { close(); }

bool McapFile::open(const std::string& path) {
  if (!writer_->output.sink.open(path)) return false;
  mcap::McapWriterOptions options("ros2");
  options.compression = mcap::Compression::None;
  options.chunkSize = kChunkBytes;
  writer_->file.open(writer_->output, options);
  return true;
}

void McapFile::metadata(const std::string& name, const std::map<std::string, std::string>& values) {
  mcap::Metadata record;
  record.name = name;
  record.metadata.insert(values.begin(), values.end());
  (void)writer_->file.write(record);  // NotOpen where open() failed, which error() tells
}

void McapFile::write(const Message& message) {
  if (message.log_ns - writer_->chunk_began_ns > kChunkNs) {
    writer_->file.closeLastChunk();
    writer_->chunk_began_ns = message.log_ns;
  }
  mcap::Message record;
  record.channelId = static_cast<mcap::ChannelId>(message.topic + 1);  // the library counts from 1
  record.sequence = message.sequence;
  record.logTime = static_cast<mcap::Timestamp>(message.log_ns);
  record.publishTime = static_cast<mcap::Timestamp>(message.publish_ns);
  record.data = message.data.data();
  record.dataSize = message.data.size();
  (void)writer_->file.write(record);
}

void McapFile::close() { writer_->file.close(); }

std::uint64_t McapFile::bytes() const noexcept { return writer_->output.sink.size(); }

const std::string& McapFile::error() const noexcept { return writer_->output.sink.error(); }

}  // namespace retain
