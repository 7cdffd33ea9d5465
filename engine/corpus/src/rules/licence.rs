//! Filters by licence.

use super::outcome::Reason;
use glasshouse_documents::document::Rank;
use glasshouse_documents::settings;

settings! {
    Licence {
        keep_unknown: bool = false, 0 to 1, "Whether to keep texts without a stated licence.";
    }
    lists {
        allowed: Vec<String> = ALLOWED.split(' ').map(str::to_owned).collect(),
            "Licences to keep: SPDX names such as CC-BY-4.0, in any case; a final * matches every continuation.";
    }
}

/// Licences that allow everyone to train on a text, possibly with attribution.
const ALLOWED: &str = "CC0-1.0 CC-BY-* CC-BY-SA-* PDDL-1.0 public-domain MIT* Apache-2.0 BSD-* ISC Unlicense";

impl Licence {
    pub fn judge(&self, licence: Option<&str>, rank: Option<Rank>) -> Result<(), Reason> {
        match licence.map(str::trim).filter(|licence| !licence.is_empty()) {
            // A link in a text may be about another work.
            Some(licence) if rank == Some(Rank::Found) && !self.keep_unknown => {
                Err(Reason::new("keep_unknown", format!("no licence is stated; the text links to {licence}")))
            }
            Some(_) if rank == Some(Rank::Found) => Ok(()),
            Some(licence) if self.allowed.iter().any(|allowed| matches(allowed, licence)) => Ok(()),
            Some(licence) => {
                Err(Reason::new("allowed", format!("licence: {licence}, which is not in the list")))
            }
            None if self.keep_unknown => Ok(()),
            None => Err(Reason::new("keep_unknown", "no licence is stated")),
        }
    }
}

fn matches(allowed: &str, licence: &str) -> bool {
    match allowed.strip_suffix('*') {
        // `CC-BY-*` covers versions only: with more clauses, as in CC-BY-NC-4.0, it is another licence.
        Some(start) => licence.split_at_checked(start.len()).is_some_and(|(head, version)| {
            head.eq_ignore_ascii_case(start)
                && (!start.ends_with('-') || version.starts_with(|c: char| c.is_ascii_digit()))
        }),
        None => allowed.eq_ignore_ascii_case(licence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_in_the_list_stay() {
        let rule = Licence::default();
        for licence in ["cc0-1.0", "CC-BY-4.0", "CC-BY-SA-3.0", "MIT-0", " Apache-2.0", "BSD-3-Clause"] {
            assert_eq!(rule.judge(Some(licence), None), Ok(()), "{licence}");
        }
        for licence in ["CC-BY-NC-4.0", "CC-BY-", "GPL-3.0-only", "Apache", "ISCX"] {
            assert!(rule.judge(Some(licence), None).is_err(), "{licence}");
        }
    }

    #[test]
    fn the_unknown_goes_unless_kept() {
        let rule = Licence::default();
        assert!(rule.judge(None, None).is_err() && rule.judge(Some(" "), None).is_err());
        assert_eq!(Licence { keep_unknown: true, ..rule }.judge(None, None), Ok(()));
    }

    #[test]
    fn a_licence_only_linked_in_the_text_counts_as_unknown() {
        let (rule, licence) = (Licence::default(), Some("CC-BY-4.0"));
        assert_eq!(rule.judge(licence, Some(Rank::Stated)), Ok(()));
        assert_eq!(rule.judge(licence, Some(Rank::Shown)), Ok(()));
        let reason = rule.judge(licence, Some(Rank::Found)).unwrap_err();
        assert_eq!(reason.threshold, "keep_unknown");
        assert_eq!(Licence { keep_unknown: true, ..rule }.judge(licence, Some(Rank::Found)), Ok(()));
    }
}
