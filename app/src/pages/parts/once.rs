//! Requests that are sent once.

/// Tracks whether something was requested for the open project's current state.
#[derive(Debug, Default)]
pub(in crate::pages) struct Once {
    asked: Option<(u64, u64)>,
}

impl Once {
    /// Whether to send the request now: once per opening of a project and revision of the data, so that a failing request is not
    /// repeated.
    pub(in crate::pages) fn due(&mut self, opening: u64, revision: u64) -> bool {
        let now = Some((opening, revision));
        std::mem::replace(&mut self.asked, now) != now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_once_for_an_opening_and_a_revision() {
        let mut once = Once::default();
        let due =
            [(1, 0), (1, 0), (1, 1), (2, 1), (2, 1)].map(|(opening, revision)| once.due(opening, revision));
        assert_eq!(due, [true, false, true, true, false]);
    }
}
