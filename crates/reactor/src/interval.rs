//! A regular tick, by the kernel's own timer: the loop needs no clock.

use crate::sources::{Interest, Source};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::Poll;
use std::time::Duration;

#[derive(Debug)]
pub struct Interval {
    // Before the descriptor: fields are dropped in this order.
    source: Source,
    timer: OwnedFd,
}

impl Interval {
    /// Ticks every `period`, which is not zero.
    pub fn new(period: Duration) -> io::Result<Interval> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let period = Timespec { tv_sec: period.as_secs() as i64, tv_nsec: period.subsec_nanos().into() };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: period, it_value: period })?;
        Ok(Interval { source: Source::new(timer.as_fd())?, timer })
    }

    /// The next tick. Ticks that were missed come as one.
    pub async fn tick(&mut self) {
        poll_fn(|cx| {
            loop {
                if self.source.poll_ready(cx, Interest::Readable).is_pending() {
                    return Poll::Pending;
                }
                let read = || Ok(rustix::io::read(&self.timer, &mut [0; 8])?);
                if self.source.try_io(Interest::Readable, read).is_ok() {
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }
}
