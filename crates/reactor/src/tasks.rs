//! The tasks of one thread, in numbered places. A place is used again, so a number carries how often it was: a wake-up
//! for a task that has ended finds nobody.

use std::future::Future;
use std::pin::Pin;
use std::task::Waker;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskKey {
    pub index: u32,
    pub generation: u32,
}

/// The future that the thread itself waits for; it has no place of its own.
pub const ROOT: TaskKey = TaskKey { index: u32::MAX, generation: 0 };

/// Nobody waits.
pub const NOBODY: TaskKey = TaskKey { index: u32::MAX - 1, generation: 0 };

pub struct Task {
    pub future: Pin<Box<dyn Future<Output = ()>>>,
    pub waker: Waker,
}

#[derive(Default)]
struct Place {
    generation: u32,
    /// It waits for its turn already.
    scheduled: bool,
    /// None while it is polled, and when the place is free.
    task: Option<Task>,
}

#[derive(Default)]
pub struct Tasks {
    places: Vec<Place>,
    free: Vec<u32>,
}

impl Tasks {
    /// Take a place for a task that [`put`](Self::put) brings; it is scheduled.
    pub fn reserve(&mut self) -> TaskKey {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            (self.places.len() - 1) as u32
        });
        let place = &mut self.places[index as usize];
        place.scheduled = true;
        TaskKey { index, generation: place.generation }
    }

    /// Whether the task has to be queued: it lives and is not queued yet.
    pub fn schedule(&mut self, key: TaskKey) -> bool {
        match self.places.get_mut(key.index as usize) {
            Some(place) if place.generation == key.generation => !std::mem::replace(&mut place.scheduled, true),
            _ => false,
        }
    }

    /// Its turn has come. From now on it can be scheduled again.
    pub fn take(&mut self, key: TaskKey) -> Option<Task> {
        let place = self.places.get_mut(key.index as usize).filter(|place| place.generation == key.generation)?;
        place.scheduled = false;
        place.task.take()
    }

    pub fn put(&mut self, key: TaskKey, task: Task) {
        self.places[key.index as usize].task = Some(task);
    }

    /// The task has ended.
    pub fn free(&mut self, key: TaskKey) {
        let place = &mut self.places[key.index as usize];
        place.generation = place.generation.wrapping_add(1);
        self.free.push(key.index);
    }

    /// Take all that are left, to be dropped where their ends may still schedule others.
    pub fn drain(&mut self) -> Vec<Task> {
        self.places.iter_mut().filter_map(|place| place.task.take()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Task, Tasks};
    use std::task::Waker;

    fn task() -> Task {
        Task { future: Box::pin(std::future::pending()), waker: Waker::noop().clone() }
    }

    #[test]
    fn a_task_is_queued_once_and_again_after_its_turn() {
        let mut tasks = Tasks::default();
        let key = tasks.reserve();
        tasks.put(key, task());
        assert!(!tasks.schedule(key), "a new task is queued already");
        let taken = tasks.take(key).unwrap();
        assert!(tasks.schedule(key), "while it is polled it may ask for another turn");
        assert!(!tasks.schedule(key));
        tasks.put(key, taken);
        assert!(tasks.take(key).is_some());
    }

    #[test]
    fn the_number_of_an_ended_task_names_nobody() {
        let mut tasks = Tasks::default();
        let old = tasks.reserve();
        tasks.free(old);
        let new = tasks.reserve();
        tasks.put(new, task());
        assert_eq!(old.index, new.index);
        tasks.take(new).map(|task| tasks.put(new, task)).unwrap();
        assert!(!tasks.schedule(old));
        assert!(tasks.take(old).is_none());
        assert!(tasks.schedule(new));
    }
}
