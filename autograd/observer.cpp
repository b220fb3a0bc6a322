// Who watches a thread, and how they are told; see observer.hpp.
#include <tapehead/autograd/observer.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR {

namespace {
constinit thread_local int scope_depth = 0;
}

/// A thread's observers as a linked list, in the order in which they were made.
struct ObserverList {
    /// Appends at the end, so that earlier observers are told first.
    static void append(Observer* observer) { *end(observer) = observer; }
    static void remove(Observer* observer) {
        Observer** place = end(observer);
        if (*place) *place = observer->next_;
    }

    /// Tells each of a scope that begins. Where one throws there is no scope, and those that were told before are told that it ends.
    static void enter(const ScopeEvent& event) {
        const detail::Unobserved pause;
        Observer* observer = pause.first();
        try {
            for (; observer; observer = observer->next_) observer->on_enter(event);
        } catch (...) {
            for (Observer* told = pause.first(); told != observer; told = told->next_)
                told->on_leave({{}, event.object, nullptr, {}, event.depth});
            throw;
        }
    }

    /// Calls tell(observer) for each. Meanwhile nobody watches, so that what they do is not observed.
    template <class Tell>
    static void for_each(const Tell& tell) {
        const detail::Unobserved pause;
        for (Observer* observer = pause.first(); observer; observer = observer->next_) tell(*observer);
    }

private:
    /// The link to an observer, or the last one, which is null.
    static Observer** end(const Observer* observer) {
        Observer** place = &detail::observers;
        while (*place && *place != observer) place = &(*place)->next_;
        return place;
    }
};

Observer::Observer() { ObserverList::append(this); }
Observer::~Observer() { ObserverList::remove(this); }

void detail::observe(const RecordEvent& event) {
    ObserverList::for_each([&](Observer& observer) { observer.on_record(event); });
}

void detail::observe(const PullEvent& event) {
    ObserverList::for_each([&](Observer& observer) { observer.on_pull(event); });
}

void detail::observe(const AttentionCall& call) {
    ObserverList::for_each([&](Observer& observer) { observer.on_attention(call); });
}

void detail::observe_before(const UpdateEvent& event) {
    ObserverList::for_each([&](Observer& observer) { observer.before_update(event); });
}

void detail::observe_after(const UpdateEvent& event) {
    ObserverList::for_each([&](Observer& observer) { observer.after_update(event); });
}

void Scope::enter(std::string_view name, const void* object, const std::type_info* type, Place place) {
    object_ = object;
    const ScopeEvent event{name, object, type, place, scope_depth};
    ObserverList::enter(event);
    ++scope_depth;
    entered_ = true;
}

void Scope::leave() noexcept {
    const ScopeEvent event{{}, object_, nullptr, {}, --scope_depth};
    ObserverList::for_each([&](Observer& observer) { observer.on_leave(event); });
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR
