//! Durations, and local times.

use super::NOTHING;
use chrono::{DateTime, Datelike as _, Local, Utc};

/// Current time in seconds since 1970, UTC.
pub fn now() -> u64 {
    now_micros() / 1_000_000
}

/// Microseconds since 1970, UTC.
pub fn now_micros() -> u64 {
    web_time::SystemTime::now()
        .duration_since(web_time::UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

/// Age of a time: `just now`, `5 min ago`, `yesterday`, `3 days ago`, then its date.
pub fn ago(time: u64, now: u64) -> String {
    let seconds = now.saturating_sub(time);
    match seconds {
        0..60 => "just now".to_owned(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..7200 => "an hour ago".to_owned(),
        7200..86_400 => format!("{} hours ago", seconds / 3600),
        86_400..172_800 => "yesterday".to_owned(),
        172_800..604_800 => format!("{} days ago", seconds / 86_400),
        _ => local(time).map_or_else(|| NOTHING.to_owned(), |time| time.format("%-d %b %Y").to_string()),
    }
}

/// Local time of day: `14:05`.
pub fn clock(time: u64) -> String {
    local(time).map_or_else(|| NOTHING.to_owned(), |time| time.format("%H:%M").to_string())
}

/// Local date and time: `12 Nov, 14:05`; for another year only the date, `12 Nov 2025`.
pub fn date_time(time: u64) -> String {
    let Some(time) = local(time) else { return NOTHING.to_owned() };
    let this_year = local(now()).is_some_and(|now| now.year() == time.year());
    time.format(if this_year { "%-d %b, %H:%M" } else { "%-d %b %Y" }).to_string()
}

fn local(time: u64) -> Option<DateTime<Local>> {
    DateTime::<Utc>::from_timestamp(i64::try_from(time).ok()?, 0).map(|time| time.with_timezone(&Local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_told_in_words_and_then_by_date() {
        let now = 1_700_000_000;
        assert_eq!(ago(now, now), "just now");
        assert_eq!(ago(now + 5, now), "just now");
        assert_eq!(ago(now - 300, now), "5 min ago");
        assert_eq!(ago(now - 90_000, now), "yesterday");
        assert_eq!(ago(now - 3 * 86_400, now), "3 days ago");
        assert!(ago(now - 30 * 86_400, now).ends_with(" Oct 2023"));
        assert_eq!(date_time(u64::MAX), NOTHING);
        assert_eq!(clock(now).len(), 5);
    }
}
