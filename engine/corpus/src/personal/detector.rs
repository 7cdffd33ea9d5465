//! Finds and removes personal data.

use super::address::{self, Dotted};
use super::bytes::before;
use super::lists::Lists;
use super::number::{DigitGroup, Number};
use super::replacement::{MASK, push_mask};
use super::secret::{self, Prefixes, Scanned};
use super::{Action, Class, Counts, Finding, Settings, email, identity, payment, phone};
use aho_corasick::AhoCorasick;
use glasshouse_documents::files::Files;
use glasshouse_documents::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::ops::Range;

/// The result is searched again, since the replaced words may have been context for others. A text that needs more rounds is
/// considered adversarial and dropped.
const ROUNDS: usize = 8;
/// Bytes of context around a finding in a sample.
const SAMPLE_MARGIN: usize = 48;
/// Bytes searched beyond the end of an excerpt, to recognise findings across its end.
const EXCERPT_MARGIN: usize = 1024;

/// Finds and removes personal data according to settings. Immutable, so that one serves all threads.
#[derive(Debug)]
pub struct Detector {
    settings: Settings,
    prefixes: Prefixes,
    lists: Lists,
    /// The placeholders that this detector inserts.
    own: AhoCorasick,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    pub class: Class,
    /// A line of context with all personal data masked.
    pub excerpt: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The new text; `None` if it is unchanged or dropped.
    pub text: Option<String>,
    pub counts: Counts,
    /// The class because of which the document must be dropped.
    pub dropped: Option<Class>,
    /// The first finding of each class, masked.
    pub samples: Vec<Sample>,
}

impl Detector {
    pub fn new(settings: &Settings, files: &dyn Files) -> Result<Self> {
        settings.validate()?;
        let mask = MASK.to_string();
        let own = AhoCorasick::new(Class::ALL.iter().map(|class| class.placeholder()).chain([mask.as_str()]));
        Ok(Self {
            settings: settings.clone(),
            prefixes: Prefixes::new()?,
            lists: Lists::new(settings, files)?,
            own: own.map_err(|cause| Error::Refused(format!("placeholders cannot be searched: {cause}")))?,
        })
    }

    /// All personal data in a text, including classes to keep, in order and without overlap. Overlapping findings are merged
    /// and get the class of the longest; among equal lengths, the first in [`Class::ALL`].
    pub fn find(&self, text: &str) -> Vec<Finding> {
        united(self.scan(text))
    }

    pub fn apply(&self, text: &str) -> Applied {
        let mut applied = Applied::default();
        if !self.settings.enabled {
            return applied;
        }
        let found = self.scan(text);
        if found.is_empty() {
            return applied;
        }
        let (kept, acted): (Vec<_>, Vec<_>) =
            found.iter().copied().partition(|finding| self.settings.action(finding.class) == Action::Keep);
        let mut acted = united(acted);
        // Kept findings are counted only if they do not overlap others.
        let mut overlapped = acted.iter().peekable();
        for finding in united(kept) {
            while overlapped.next_if(|acted| acted.end <= finding.start).is_some() {}
            if overlapped.peek().is_none_or(|acted| acted.start >= finding.end) {
                *applied.counts.entry(finding.class).or_default() += 1;
            }
        }
        applied.samples = self.samples(text, &united(found));

        for _ in 0..ROUNDS {
            if acted.is_empty() {
                return applied;
            }
            for finding in &acted {
                *applied.counts.entry(finding.class).or_default() += 1;
            }
            let dropped = acted.iter().map(|finding| finding.class);
            applied.dropped = dropped.filter(|class| self.settings.action(*class) == Action::Drop).min();
            if applied.dropped.is_some() {
                applied.text = None;
                return applied;
            }
            let source = applied.text.as_deref().unwrap_or(text);
            let rewritten =
                rewrite(source, &acted, |class, hidden, output| match self.settings.action(class) {
                    Action::Mask => push_mask(class, hidden, output),
                    _ => output.push_str(class.placeholder()),
                });
            acted = self.scan(&rewritten);
            acted.retain(|finding| self.settings.action(finding.class) != Action::Keep);
            acted = united(acted);
            applied.text = Some(rewritten);
        }
        if let Some(finding) = acted.first() {
            applied.dropped = Some(finding.class);
            applied.text = None;
        }
        applied
    }

    /// Processes all texts in a record, but not its field names. Returns the new record, or `None` if it is unchanged, and
    /// as the error the class because of which the document must be dropped.
    pub fn apply_record(&self, record: &Map<String, Value>) -> Result<Option<Map<String, Value>>, Class> {
        let mut changed = record.clone();
        let (mut any, mut dropped) = (false, None);
        let mut open: Vec<&mut Value> = changed.values_mut().collect();
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => {
                    let applied = self.apply(text);
                    dropped = [dropped, applied.dropped].into_iter().flatten().min();
                    if let Some(new) = applied.text {
                        *text = new;
                        any = true;
                    }
                }
                Value::Array(values) => open.extend(values),
                Value::Object(fields) => open.extend(fields.values_mut()),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        dropped.map_or(Ok(any.then_some(changed)), Err)
    }

    /// Masks all personal data in a text for display, regardless of the settings.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for _ in 0..ROUNDS {
            let found = self.find(&masked);
            if found.is_empty() {
                return masked;
            }
            masked = rewrite(&masked, &found, push_mask);
        }
        if self.find(&masked).is_empty() { masked } else { MASK.to_string() }
    }

    /// The start of a text of about `characters` characters, masked, followed by `…` if the text continues. Only the start is
    /// searched, whatever the text's length.
    pub fn excerpt(&self, text: &str, characters: usize) -> String {
        // End of the excerpt, before the end of the searched part: a finding across either end is masked completely or not
        // shown.
        let end = text.char_indices().nth(characters).map_or(text.len(), |(index, _)| index);
        let searched =
            text.get(..text.floor_char_boundary(end.saturating_add(EXCERPT_MARGIN))).unwrap_or_default();
        let mut shown = self.find(searched);
        shown.retain(|finding| finding.start < end);
        let end = shown.last().map_or(end, |last| end.max(last.end));
        let masked = self.mask(&rewrite(searched.get(..end).unwrap_or_default(), &shown, push_mask));
        if end < text.len() { format!("{}…", masked.trim_end()) } else { masked }
    }

    /// A line of context for the first finding of each class.
    fn samples(&self, text: &str, found: &[Finding]) -> Vec<Sample> {
        let mut samples: Vec<Sample> = Vec::new();
        for (index, finding) in found.iter().enumerate() {
            if samples.iter().any(|sample| sample.class == finding.class) {
                continue;
            }
            let Range { mut start, mut end } = around(text, finding.start..finding.end, SAMPLE_MARGIN);
            // Neighbours across the ends of the line are shown completely, that is, masked.
            let mut first = index;
            while let Some(neighbour) =
                first.checked_sub(1).and_then(|index| found.get(index)).filter(|one| one.end > start)
            {
                start = start.min(neighbour.start);
                first -= 1;
            }
            let mut past = index + 1;
            while let Some(neighbour) = found.get(past).filter(|one| one.start < end) {
                end = end.max(neighbour.end);
                past += 1;
            }
            let shifted = found.get(first..past).unwrap_or_default().iter();
            let shifted: Vec<_> = shifted
                .map(|one| Finding { start: one.start - start, end: one.end - start, ..*one })
                .collect();
            let line = rewrite(text.get(start..end).unwrap_or_default(), &shifted, push_mask);
            // Masked last: replacing a control character by a space may complete another finding.
            let line = self.mask(line.replace(char::is_control, " ").trim());
            samples.push(Sample { class: finding.class, excerpt: line });
        }
        samples
    }

    fn scan(&self, text: &str) -> Vec<Finding> {
        self.scan_counting(text).0
    }

    /// Like [`Self::scan`], with the number of bytes searched for secrets.
    pub(super) fn scan_counting(&self, text: &str) -> (Vec<Finding>, usize) {
        let bytes = text.as_bytes();
        let mut findings = Vec::new();
        let (mut assigned, mut prefixed) = (Scanned::default(), Scanned::default());
        let mut past_number = 0;
        let mut past_colon = 0;
        for (index, byte) in bytes.iter().enumerate() {
            match byte {
                b'@' => findings.extend(email::find(text, index)),
                b'=' => findings.extend(secret::find_assigned(bytes, index, &mut assigned)),
                b':' => {
                    if index >= past_colon {
                        let (found, past) = address::find_v6(bytes, index, self.settings.private_addresses);
                        findings.extend(found);
                        past_colon = past;
                    }
                    findings.extend(secret::find_assigned(bytes, index, &mut assigned));
                }
                b'0'..=b'9' => {
                    let previous = before(bytes, index);
                    if index >= past_number && !previous.is_ascii_digit() {
                        if previous.is_ascii_alphabetic() {
                            findings.extend(payment::find_iban(bytes, index));
                        } else {
                            past_number = self.scan_number(bytes, index, &mut findings);
                        }
                    }
                }
                _ => {}
            }
        }
        self.prefixes.find(bytes, &mut prefixed, &mut findings);
        secret::find_unlabelled(bytes, &mut findings);
        if !self.lists.is_empty() {
            let mut listed = Vec::new();
            self.lists.find(text, &mut listed);
            self.spare_own(text, listed, &mut findings);
        }
        (findings, assigned.looked_at + prefixed.looked_at)
    }

    /// Examines the number at `start`; returns the position before which no other number needs to be examined.
    fn scan_number(&self, bytes: &[u8], start: usize, findings: &mut Vec<Finding>) -> usize {
        match address::find_v4(bytes, start, self.settings.private_addresses) {
            Dotted::Found(finding) => {
                findings.push(finding);
                return finding.end;
            }
            Dotted::Skip(end) => return end,
            Dotted::Nothing => {}
        }
        let number = Number::read(bytes, start);
        // The shortest telephone number has seven digits.
        if number.groups().iter().map(DigitGroup::len).sum::<usize>() < 7 {
            return start;
        }
        let found = payment::find_card(bytes, &number)
            .or_else(|| identity::find(bytes, &number))
            .or_else(|| phone::find(bytes, &number));
        findings.extend(found);
        found.map_or(start, |finding| finding.end)
    }

    /// Adds the findings of lists and patterns, except inside placeholders of this detector: otherwise a pattern such as `.+`
    /// would match its own placeholder forever.
    fn spare_own(&self, text: &str, mut listed: Vec<Finding>, findings: &mut Vec<Finding>) {
        if listed.is_empty() {
            return;
        }
        glasshouse_protocol::order::sort_by_key(&mut listed, |finding| {
            (finding.start, finding.end, finding.class)
        });
        let own: Vec<_> = self.own.find_iter(text).map(|found| (found.start(), found.end())).collect();
        let mut first = 0;
        for finding in listed {
            while own.get(first).is_some_and(|(_, end)| *end <= finding.start) {
                first += 1;
            }
            let mut start = finding.start;
            let inside =
                own.get(first..).unwrap_or_default().iter().take_while(|(begin, _)| *begin < finding.end);
            let gaps = inside.copied().chain([(finding.end, finding.end)]);
            for (begin, end) in gaps {
                let part = text.get(start..begin.max(start)).unwrap_or_default();
                let blank = part.len() - part.trim_start().len();
                let part = part.trim();
                if !part.is_empty() {
                    let start = start + blank;
                    findings.push(Finding { start, end: start + part.len(), ..finding });
                }
                start = start.max(end);
            }
        }
    }
}

/// Extends a range by up to `margin` bytes of whole words on both sides.
fn around(text: &str, place: Range<usize>, margin: usize) -> Range<usize> {
    let mut start = text.floor_char_boundary(place.start.saturating_sub(margin));
    let mut end = text.floor_char_boundary(place.end.saturating_add(margin));
    // Drops partial words, which may be parts of findings.
    if start > 0 {
        let space = text.get(start..place.start).and_then(|head| head.find(char::is_whitespace));
        start = space.map_or(place.start, |space| start + space);
    }
    if end < text.len() {
        let space = text.get(place.end..end).and_then(|tail| tail.rfind(char::is_whitespace));
        end = space.map_or(place.end, |space| place.end + space);
    }
    start..end
}

fn united(mut findings: Vec<Finding>) -> Vec<Finding> {
    glasshouse_protocol::order::sort_by_key(&mut findings, |finding| {
        (finding.start, finding.end, finding.class)
    });
    let mut united: Vec<Finding> = Vec::with_capacity(findings.len());
    // Length and class of the finding that determines the last one's class.
    let mut decisive = (0, Class::Identifier);
    for finding in findings {
        let length = finding.end - finding.start;
        match united.last_mut().filter(|last| finding.start < last.end) {
            Some(last) => {
                last.end = last.end.max(finding.end);
                if length > decisive.0 || (length == decisive.0 && finding.class < decisive.1) {
                    decisive = (length, finding.class);
                    last.class = finding.class;
                }
            }
            None => {
                decisive = (length, finding.class);
                united.push(finding);
            }
        }
    }
    united
}

/// Replaces each finding of a text; findings must be sorted and disjoint.
fn rewrite(text: &str, findings: &[Finding], mut push: impl FnMut(Class, &str, &mut String)) -> String {
    let mut output = String::with_capacity(text.len());
    let mut past = 0;
    for finding in findings {
        output.push_str(text.get(past..finding.start).unwrap_or_default());
        push(finding.class, text.get(finding.start..finding.end).unwrap_or_default(), &mut output);
        past = finding.end;
    }
    output.push_str(text.get(past..).unwrap_or_default());
    output
}
