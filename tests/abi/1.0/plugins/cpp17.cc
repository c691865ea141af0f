// tests/abi/1.0/plugins/cpp17.cc - a plugin of ABI 1.0 in C++17, built from the frozen header alone: a broker inside the process that
// keeps no order and holds no retries. Later versions of the event bus have to load it; it is not changed any more.
#include <eventbus/plugin.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Text = std::optional<std::string>;

Text copied(const eb_text &text) {
    return text.data ? Text(std::string(text.data, text.len)) : std::nullopt;
}

eb_text lent(const Text &text) {
    return text ? eb_text{ text->c_str(), text->size() } : eb_text{};
}

struct Header {
    Text name, value;
};

std::vector<Header> copied(const eb_header *headers, size_t n) {
    std::vector<Header> copies;
    for (size_t i = 0; i < n; i++)
        copies.push_back({ copied(headers[i].name), copied(headers[i].value) });
    return copies;
}

std::vector<eb_header> lent(const std::vector<Header> &headers) {
    std::vector<eb_header> views;
    for (const auto &header : headers)
        views.push_back({ lent(header.name), lent(header.value) });
    return views;
}

struct Stored {
    int64_t time_ms;
    std::string position;
    Text id, key, payload;
    std::vector<Header> attrs, headers;
};

enum class State { Waiting, Out, Done };

struct Entry {
    State state = State::Waiting;
    const void *at = nullptr;
    uint32_t deliveries = 0;
};

struct Group {
    std::deque<Entry> entries;
    size_t first = 0;
    int64_t members = 0;
};

struct Topic {
    std::deque<Stored> messages;
    std::map<std::string, Group> groups;
};

std::mutex mutex;
std::condition_variable changed;
std::map<std::string, Topic> topics;

int64_t wall_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

const Stored &store(const eb_message &from) {
    auto &messages = topics[from.topic.data].messages;
    auto last = messages.empty() ? 0 : messages.back().time_ms;
    messages.push_back({ std::max(wall_ms(), last), std::to_string(messages.size()), copied(from.id), copied(from.key),
                         copied(from.payload), copied(from.attrs, from.n_attrs), copied(from.headers, from.n_headers) });
    changed.notify_all();
    return messages.back();
}

int32_t fail(eb_error *err, const char *text) {
    if (err) {
        *err = eb_error{};
        err->status = EB_PERMANENT;
        err->kind = EB_KIND_CONFIG;
        std::snprintf(err->text, sizeof err->text, "%s", text);
    }
    return EB_PERMANENT;
}

size_t place_of(const Topic &topic, const eb_point &point) {
    const auto &messages = topic.messages;
    size_t i = 0;
    if (point.kind == EB_LATEST)
        return messages.size();
    if (point.kind == EB_POSITION)
        return std::min(messages.size(), static_cast<size_t>(std::strtoull(point.position.data, nullptr, 10)));
    while (point.kind == EB_TIME && i < messages.size() && messages[i].time_ms < point.time_ms)
        i++;
    return i;
}

// ---- Producer ----

struct Producer {
    const eb_host *host;
    std::vector<const eb_message *> queue;
    bool woken = false;

    void report(const eb_message &message, const Stored *stored) {
        static const eb_error why = { EB_RETRIABLE, EB_KIND_BROKER, 0, "closed before it was sent" };
        eb_delivery report = {};
        report.size = sizeof report;
        report.token = message.token;
        report.status = stored ? EB_OK : EB_RETRIABLE;
        report.error = stored ? nullptr : &why;
        if (stored)
            report.position = { stored->position.c_str(), stored->position.size() };
        host->delivered(host, &report);
    }

    void send_all() {
        for (const auto *message : queue) {
            std::unique_lock<std::mutex> lock(mutex);
            const Stored &stored = store(*message); // a deque's elements stay where they are
            lock.unlock();
            report(*message, &stored);
        }
        queue.clear();
    }
};

int32_t producer_open(const eb_host *host, const void *, void **self, eb_error *) {
    *self = new Producer{ host, {} };
    host->link(host, 1, nullptr);
    return EB_OK;
}

int64_t producer_submit(void *self, const eb_message *const *batch, size_t n, eb_error *) {
    auto &queue = static_cast<Producer *>(self)->queue;
    size_t taken = 0;
    while (taken < n && queue.size() < 256)
        queue.push_back(batch[taken++]);
    return static_cast<int64_t>(taken);
}

int32_t producer_poll(void *self, int32_t timeout_ms, eb_error *) {
    auto &producer = *static_cast<Producer *>(self);
    if (!producer.queue.empty()) {
        producer.send_all();
        return EB_OK;
    }
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return producer.woken; });
    producer.woken = false;
    return EB_OK;
}

template <typename Instance> void wake(void *self) {
    std::lock_guard<std::mutex> lock(mutex);
    static_cast<Instance *>(self)->woken = true;
    changed.notify_all();
}

void producer_close(void *self, int32_t timeout_ms) {
    auto *producer = static_cast<Producer *>(self);
    if (timeout_ms > 0)
        producer->send_all();
    for (const auto *message : producer->queue)
        producer->report(*message, nullptr);
    delete producer;
}

// ---- Consumer ----

struct Reading {
    std::string name;
    Topic *topic = nullptr; // null: it does not exist yet
    Group *group = nullptr;
    size_t end = 0;
};

struct Held {
    Group *group;
    size_t place, bytes;
};

struct Consumer {
    const eb_host *host;
    const eb_subscription *sub;
    std::vector<Reading> readings;
    std::map<uint64_t, Held> held;
    uint64_t last_token = 0, bytes = 0;
    size_t turn = 0; // the topic to begin with
    bool woken = false, full = false;

    void join(bool at_open) {
        for (auto &reading : readings) {
            auto found = reading.topic ? topics.end() : topics.find(reading.name);
            if (found == topics.end())
                continue;
            reading.topic = &found->second;
            bool made = reading.topic->groups.count(sub->group) == 0;
            reading.group = &reading.topic->groups[sub->group];
            reading.group->members++;
            reading.end = at_open ? reading.topic->messages.size() : 0;
            for (size_t i = 0, n = made && at_open ? place_of(*reading.topic, *sub->start) : 0; i < n; i++)
                reading.group->entries.push_back({ State::Done, nullptr, 0 });
        }
    }

    bool offer(Reading &reading, size_t place) {
        const Stored &stored = reading.topic->messages[place];
        auto attrs = lent(stored.attrs), headers = lent(stored.headers);
        eb_message message = {};
        message.size = sizeof message;
        message.token = last_token + 1;
        message.time_ms = stored.time_ms;
        message.deliveries = reading.group->entries[place].deliveries + 1;
        message.topic = { reading.name.c_str(), reading.name.size() };
        message.position = { stored.position.c_str(), stored.position.size() };
        message.id = lent(stored.id);
        message.key = lent(stored.key);
        message.payload = lent(stored.payload);
        message.attrs = attrs.data();
        message.n_attrs = attrs.size();
        message.headers = headers.data();
        message.n_headers = headers.size();
        if (host->received(host, &message) != EB_OK)
            return false;
        size_t size = stored.payload ? stored.payload->size() : 0;
        reading.group->entries[place] = { State::Out, this, message.deliveries };
        held[++last_token] = { reading.group, place, size };
        bytes += size;
        return true;
    }

    uint32_t deliver(uint32_t max) {
        uint32_t n = 0;
        full = false;
        join(false);
        turn++;
        for (size_t r = 0; r < readings.size(); r++) {
            auto &reading = readings[(turn + r) % readings.size()];
            if (!reading.topic)
                continue;
            auto &entries = reading.group->entries;
            entries.resize(std::max(entries.size(), reading.topic->messages.size()));
            while (reading.group->first < entries.size() && entries[reading.group->first].state == State::Done)
                reading.group->first++;
            for (size_t i = reading.group->first; i < entries.size() && n < max && !full; i++) {
                if (held.size() >= sub->max_messages || bytes >= sub->max_bytes)
                    return n;
                if (entries[i].state != State::Waiting)
                    continue;
                full = !offer(reading, i);
                n += !full;
            }
        }
        return n;
    }

    bool at_end() const {
        for (const auto &reading : readings)
            for (size_t i = reading.group ? reading.group->first : 0; i < reading.end; i++) {
                if (i >= reading.group->entries.size())
                    return false;
                const Entry &entry = reading.group->entries[i];
                if (entry.state == State::Waiting || (entry.state == State::Out && entry.at == this))
                    return false;
            }
        return sub->until_end;
    }
};

int32_t consumer_open(const eb_host *host, const void *, const eb_subscription *sub, void **self, eb_error *err) {
    const auto &position = sub->start->position;
    if (sub->start->kind == EB_POSITION && (!position.len || std::strspn(position.data, "0123456789") != position.len))
        return fail(err, "a position is a number");
    auto *consumer = new Consumer{ host, sub, {}, {} };
    for (size_t i = 0; i < sub->n_topics; i++)
        consumer->readings.push_back({ sub->topics[i] });
    {
        std::lock_guard<std::mutex> lock(mutex);
        consumer->join(true);
    }
    host->link(host, 1, nullptr);
    *self = consumer;
    return EB_OK;
}

int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, eb_error *) {
    auto &consumer = *static_cast<Consumer *>(self);
    auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
        if (max > 0 && consumer.deliver(max) > 0)
            return consumer.woken = false, EB_OK;
        if (consumer.at_end())
            return consumer.woken = false, EB_END;
        if ((max > 0 && consumer.full) || consumer.woken || Clock::now() >= end)
            return consumer.woken = false, EB_EMPTY;
        changed.wait_until(lock, end);
    }
}

int32_t consumer_settle(void *self, const eb_verdict *verdicts, size_t n, eb_error *) {
    auto &consumer = *static_cast<Consumer *>(self);
    for (size_t i = 0; i < n; i++) {
        if (verdicts[i].kind == EB_EXTEND)
            continue;
        {
            std::lock_guard<std::mutex> lock(mutex);
            auto held = consumer.held.extract(verdicts[i].token).mapped();
            auto &entry = held.group->entries[held.place];
            entry.state = verdicts[i].kind == EB_ACK ? State::Done : State::Waiting;
            entry.at = nullptr;
            consumer.bytes -= held.bytes;
            changed.notify_all();
        }
        consumer.host->settled(consumer.host, &verdicts[i].token, 1, EB_OK);
    }
    return EB_OK;
}

void consumer_close(void *self, int32_t) {
    auto *consumer = static_cast<Consumer *>(self);
    std::lock_guard<std::mutex> lock(mutex);
    for (auto &reading : consumer->readings)
        if (reading.group)
            reading.group->members--;
    delete consumer;
}

// ---- Admin ----

int32_t admin_open(const eb_host *host, const void *, void **self, eb_error *) {
    *self = const_cast<eb_host *>(host);
    host->link(host, 1, nullptr);
    return EB_OK;
}

void admin_close(void *) {
}

int32_t admin_topics(void *, int32_t, int32_t (*each)(void *, const eb_topic_info *), void *arg, eb_error *) {
    std::unique_lock<std::mutex> lock(mutex);
    for (const auto &[name, topic] : topics) { // none is ever removed
        eb_topic_info info = {};
        info.size = sizeof info;
        info.name = name.c_str();
        info.partitions = 1;
        info.messages = static_cast<int64_t>(topic.messages.size());
        info.bytes = -1;
        info.oldest_ms = topic.messages.empty() ? -1 : topic.messages.front().time_ms;
        info.newest_ms = topic.messages.empty() ? -1 : topic.messages.back().time_ms;
        lock.unlock();
        if (each(arg, &info) != 0)
            return EB_OK;
        lock.lock();
    }
    return EB_OK;
}

int32_t admin_groups(void *, const char *topic_name, const char *group_name, int32_t,
                     int32_t (*each)(void *, const eb_group_info *), void *arg, eb_error *) {
    std::unique_lock<std::mutex> lock(mutex);
    for (const auto &[name, topic] : topics)
        for (const auto &[own, group] : topic.groups) {
            if ((topic_name && name != topic_name) || (group_name && own != group_name))
                continue;
            size_t first = group.first, n = topic.messages.size();
            while (first < group.entries.size() && group.entries[first].state == State::Done)
                first++;
            auto position = std::to_string(first), end = std::to_string(n);
            eb_group_info info = {};
            info.size = sizeof info;
            info.topic = name.c_str();
            info.group = own.c_str();
            info.partition = "";
            info.position = position.c_str();
            info.end = end.c_str();
            info.members = group.members;
            for (size_t i = first; i < n; i++) {
                auto state = i < group.entries.size() ? group.entries[i].state : State::Waiting;
                info.lag += state != State::Done;
                info.unsettled += state == State::Out;
            }
            lock.unlock();
            if (each(arg, &info) != 0)
                return EB_OK;
            lock.lock();
        }
    return EB_OK;
}

} // namespace

const eb_plugin eventbus_plugin = { sizeof(eb_plugin),
                                    EB_ABI_MAJOR,
                                    EB_ABI_MINOR,
                                    "cpp17",
                                    "1",
                                    "A broker inside the process, in C++",
                                    nullptr,
                                    0,
                                    sizeof(eb_option),
                                    0,
                                    nullptr };

const eb_producer_ops eventbus_producer = {
    sizeof(eb_producer_ops), 0, 0, producer_open, producer_submit, producer_poll, wake<Producer>, producer_close,
};

const eb_consumer_ops eventbus_consumer = {
    sizeof(eb_consumer_ops), EB_T_HISTORY,   0,       consumer_open,  consumer_receive,
    consumer_settle,         wake<Consumer>, nullptr, consumer_close,
};

const eb_admin_ops eventbus_admin = {
    sizeof(eb_admin_ops), 0, 0, admin_open, admin_topics, admin_groups, nullptr, nullptr, nullptr, nullptr, nullptr,
    admin_close,
};
