//! Tasks and wake-ups, on the real loop.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::thread;
use std::time::Duration;
use steelyard_reactor::{Interval, block_on, inbox, on_wake, spawn, yield_now};

#[test]
fn tasks_take_turns() {
    let order = Rc::new(RefCell::new(Vec::new()));
    block_on(async {
        for name in ["a", "b"] {
            let order = order.clone();
            spawn(async move {
                for _ in 0..2 {
                    order.borrow_mut().push(name);
                    yield_now().await;
                }
            });
        }
        while order.borrow().len() < 4 {
            yield_now().await;
        }
    })
    .unwrap();
    assert_eq!(*order.borrow(), ["a", "b", "a", "b"]);
}

#[test]
fn a_panic_ends_its_task_and_no_other() {
    let served = block_on(async {
        let served = Rc::new(Cell::new(0));
        for number in 0..3 {
            let served = served.clone();
            spawn(async move {
                yield_now().await;
                assert_ne!(number, 1, "this one fails");
                served.set(served.get() + 1);
            });
        }
        while served.get() < 2 {
            yield_now().await;
        }
        served.get()
    });
    assert_eq!(served.unwrap(), 2);
}

#[test]
fn values_come_from_other_threads_in_order_and_the_end_is_told() {
    let (sender, mut receiver) = inbox();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let sender = sender.clone();
            thread::spawn(move || (0..1_000).for_each(|number| sender.send((thread, number)).unwrap()))
        })
        .collect();
    drop(sender);
    let counts = block_on(async {
        let mut counts = [0; 4];
        while let Some((thread, number)) = receiver.receive().await {
            assert_eq!(counts[thread], number, "each sender's values keep their order");
            counts[thread] += 1;
        }
        counts
    });
    assert_eq!(counts.unwrap(), [1_000; 4]);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn nobody_receives_any_more() {
    let (sender, receiver) = inbox();
    sender.send(1).unwrap();
    drop(receiver);
    assert_eq!(sender.send(2), Err(2));
}

#[test]
fn a_waker_works_from_another_thread_and_after_its_task_has_ended() {
    block_on(async {
        let (done, mut is_done) = inbox();
        spawn(async move {
            let mut woken = false;
            let waker = poll_fn(|cx| {
                if std::mem::replace(&mut woken, true) {
                    return Poll::Ready(cx.waker().clone());
                }
                let waker = cx.waker().clone();
                thread::spawn(move || waker.wake());
                Poll::Pending
            });
            let waker = waker.await;
            done.send(waker).unwrap();
        });
        let late = is_done.receive().await.unwrap();
        yield_now().await;
        late.wake_by_ref();
        thread::spawn(move || late.wake()).join().unwrap();
        yield_now().await;
    })
    .unwrap();
}

#[test]
fn what_is_left_at_the_end_is_dropped_where_it_may_still_wake_others() {
    struct Wakes(RefCell<Option<std::task::Waker>>, Rc<Cell<bool>>);
    impl Drop for Wakes {
        fn drop(&mut self) {
            self.0.take().unwrap().wake();
            self.1.set(true);
        }
    }
    let dropped = Rc::new(Cell::new(false));
    block_on(async {
        let flag = dropped.clone();
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        spawn(async move {
            let _wakes = Wakes(RefCell::new(Some(waker)), flag);
            std::future::pending::<()>().await;
        });
        yield_now().await;
    })
    .unwrap();
    assert!(dropped.get());
}

/// Tells when it goes, and fails then.
struct Fails(Rc<Cell<u32>>);

impl Drop for Fails {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        panic!("its end fails");
    }
}

#[test]
fn what_is_left_ends_however_the_loop_ends_and_what_that_spawns_too() {
    struct Spawns(Fails);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let fails = Fails(self.0.0.clone());
            spawn(async move {
                let _fails = fails;
                std::future::pending::<()>().await;
            });
        }
    }
    let ended = Rc::new(Cell::new(0));
    let spawns = Spawns(Fails(ended.clone()));
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        block_on(async {
            spawn(async move {
                let _spawns = spawns;
                // Whatever waits for something holds the loop, which holds the task.
                Interval::new(Duration::from_secs(3600)).unwrap().tick().await;
            });
            yield_now().await;
            panic!("the root fails");
        })
    }));
    assert!(failed.is_err());
    assert_eq!(ended.get(), 2);
    assert!(block_on(async {}).is_ok(), "the thread is free for another loop");
}

#[test]
fn an_interval_ticks_and_each_look_at_the_kernel_is_told() {
    let wakes = Rc::new(Cell::new(0));
    let told = wakes.clone();
    block_on(async {
        on_wake(move || told.set(told.get() + 1));
        let mut ticks = Interval::new(Duration::from_millis(1)).unwrap();
        for _ in 0..3 {
            ticks.tick().await;
            // A tick that is due already needs no look at the kernel.
            yield_now().await;
        }
    })
    .unwrap();
    assert!(wakes.get() >= 3);
}

#[test]
#[should_panic(expected = "a loop runs in this thread already")]
fn one_loop_a_thread() {
    block_on(async { block_on(async {}) }).unwrap().unwrap();
}

#[test]
fn a_thread_may_run_one_loop_after_another() {
    for number in 0..3 {
        assert_eq!(block_on(async move { number }).unwrap(), number);
    }
}
