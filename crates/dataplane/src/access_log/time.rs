//! The time of a line as text. The part that changes once a second is kept; a thread mostly writes many lines a second.

use std::fmt::Write;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The second last formatted.
#[derive(Debug, Default)]
pub struct Stamp {
    second: Option<u64>,
    text: String,
}

impl Stamp {
    /// `2026-11-22T05:49:41.123Z` (RFC 3339, UTC).
    pub fn rfc3339(&mut self, out: &mut Vec<u8>, time_us: u64) {
        self.refresh(time_us, |text, at| {
            let _ = write!(
                text,
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.",
                at.year, at.month, at.day, at.hour, at.minute, at.second
            );
        });
        out.extend_from_slice(self.text.as_bytes());
        let ms = (time_us / 1000 % 1000) as u16;
        out.extend([b'0' + (ms / 100) as u8, b'0' + (ms / 10 % 10) as u8, b'0' + (ms % 10) as u8, b'Z']);
    }

    /// `22/Nov/2026:05:49:41 +0000`
    pub fn common(&mut self, out: &mut Vec<u8>, time_us: u64) {
        self.refresh(time_us, |text, at| {
            let month = MONTHS[at.month as usize - 1];
            let _ = write!(
                text,
                "{:02}/{month}/{:04}:{:02}:{:02}:{:02} +0000",
                at.day, at.year, at.hour, at.minute, at.second
            );
        });
        out.extend_from_slice(self.text.as_bytes());
    }

    fn refresh(&mut self, time_us: u64, format: impl FnOnce(&mut String, Civil)) {
        let second = time_us / 1_000_000;
        if self.second != Some(second) {
            self.second = Some(second);
            self.text.clear();
            format(&mut self.text, civil(second));
        }
    }
}

struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

/// Unix seconds in the Gregorian calendar. Years are counted from March, so that the leap day is a year's last and the
/// months before any day are 153 days every five: the well-known day-number method.
fn civil(unix: u64) -> Civil {
    let (days, of_day) = (unix / 86_400, unix % 86_400);
    // Day 0 is 0000-03-01, which is 719,468 days before 1970-01-01. An era is 400 years.
    let (era, of_era) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    Civil {
        year: era * 400 + year_of_era + u64::from(month <= 2),
        month,
        day: of_year - (153 * from_march + 2) / 5 + 1,
        hour: of_day / 3600,
        minute: of_day / 60 % 60,
        second: of_day % 60,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values from `date -u -d @N`.
    #[test]
    fn both_forms_of_known_moments() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z", "01/Jan/1970:00:00:00 +0000"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z", "29/Feb/2000:00:00:00 +0000"),
            (951_868_799_999_999, "2000-02-29T23:59:59.999Z", "29/Feb/2000:23:59:59 +0000"),
            (951_868_800_001_000, "2000-03-01T00:00:00.001Z", "01/Mar/2000:00:00:00 +0000"),
            (1_795_326_581_042_500, "2026-11-22T05:49:41.042Z", "22/Nov/2026:05:49:41 +0000"),
            (4_107_542_399_000_000, "2100-02-28T23:59:59.000Z", "28/Feb/2100:23:59:59 +0000"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z", "01/Mar/2100:00:00:00 +0000"),
        ];
        let (mut rfc3339, mut common) = (Stamp::default(), Stamp::default());
        for (time_us, expected, expected_common) in cases {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            rfc3339.rfc3339(&mut a, time_us);
            common.common(&mut b, time_us);
            assert_eq!(
                (String::from_utf8(a).unwrap().as_str(), String::from_utf8(b).unwrap().as_str()),
                (expected, expected_common)
            );
        }
    }
}
