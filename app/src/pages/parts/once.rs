//! Questions that are asked once.

/// Whether something was asked about the open project as it is.
#[derive(Debug, Default)]
pub(in crate::pages) struct Once {
    asked: Option<(u64, u64)>,
}

impl Once {
    /// Whether it is to be asked now: once for each opening of a project and each revision of what is asked for, so that what cannot be
    /// answered is not asked again and again.
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
