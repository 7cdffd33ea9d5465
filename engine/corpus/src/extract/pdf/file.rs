//! A PDF file as objects by their numbers.
//!
//! The table at its end that says where each object stands is not trusted, and not read: files are scanned for objects from
//! front to back, as every reader must be able to do for damaged ones, and of several versions of one object the last holds.

use std::cell::Cell;
use std::collections::BTreeMap;

use memchr::memmem;

use super::filters;
use super::objects::{Dictionary, Object, Reader, is_space};

/// How often a file may be read over, and how many bytes in any case.
const READINGS: usize = 16;
const LEAST_WORK: usize = 16 << 20;

/// How often a file may have been added to.
const TRAILERS: usize = 10_000;

/// References that are followed in a row.
const HOPS: usize = 16;

/// Where an object stands.
#[derive(Clone, Copy)]
struct Place {
    /// The file's position of it, or of the stream that holds it: of two versions the later is the newer.
    position: usize,
    /// Whether it stands in the stream of objects of this index, there at this position.
    within: Option<(usize, usize)>,
}

/// A file.
pub(super) struct File<'a> {
    bytes: &'a [u8],
    places: BTreeMap<u32, Place>,
    /// Unpacked streams of objects.
    streams: Vec<Vec<u8>>,
    /// What the file says of itself at its end, the last first.
    trailers: Vec<Dictionary>,
    /// The last object that calls itself the catalogue.
    catalogue: Option<u32>,
    /// How many bytes may still be unpacked.
    pub(super) left: usize,
    /// How many bytes may still be read, counting each time they are: objects that are referred to over and over cost time.
    work: Cell<usize>,
}

/// A stream: what it says of itself, and its bytes as they stand in the file.
pub(super) struct Stream<'a> {
    pub(super) dictionary: Dictionary,
    pub(super) data: &'a [u8],
}

impl<'a> File<'a> {
    /// Scans a file. `left` is how many bytes may be unpacked in all.
    pub(super) fn new(bytes: &'a [u8], left: usize) -> Self {
        let mut file = Self {
            bytes,
            places: BTreeMap::new(),
            streams: Vec::new(),
            trailers: Vec::new(),
            catalogue: None,
            left,
            work: Cell::new(bytes.len().saturating_mul(READINGS).saturating_add(LEAST_WORK)),
        };
        let mut packed = Vec::new();
        let mut position = 0;
        while let Some(found) = bytes.get(position..).and_then(|rest| memmem::find(rest, b"obj")) {
            let at = position + found;
            position = at + 3;
            let Some(number) = number_before(bytes, at) else { continue };
            file.places.insert(number, Place { position, within: None });
            if let Some((stream, end)) = file.stream_at(position) {
                position = end;
                match stream.dictionary.get("Type").and_then(Object::name) {
                    Some("ObjStm") => packed.push((at, stream)),
                    Some("XRef") => file.trailers.push(stream.dictionary),
                    _ => {}
                }
                continue;
            }
            let mut reader = Reader::of_file(bytes, position);
            if let Some(Object::Dictionary(dictionary)) = reader.object()
                && dictionary.get("Type").and_then(Object::name) == Some("Catalog")
            {
                file.catalogue = Some(number);
            }
            // Behind what was read, so that nothing is read twice; an object that runs into the next gives it back.
            position = reader.position.saturating_sub(3).max(position);
        }
        file.find_trailers();
        file.trailers.reverse();
        if !file.is_encrypted() {
            for (position, stream) in packed {
                file.unpack_objects(position, &stream);
            }
        }
        file
    }

    /// Takes in what stands behind the word `trailer`, wherever it does.
    fn find_trailers(&mut self) {
        for at in memmem::find_iter(self.bytes, b"trailer").take(TRAILERS) {
            if let Some((Object::Dictionary(dictionary), _)) = self.read(Reader::of_file(self.bytes, at + 7))
            {
                self.trailers.push(dictionary);
            }
        }
    }

    /// Whether the file's text cannot be read without a key.
    pub(super) fn is_encrypted(&self) -> bool {
        self.trailers
            .iter()
            .any(|trailer| trailer.get("Encrypt").is_some_and(|encrypt| *encrypt != Object::Null))
    }

    /// The catalogue, where the pages are found.
    pub(super) fn catalogue(&self) -> Option<Dictionary> {
        let named = self.trailers.iter().find_map(|trailer| self.dictionary(trailer.get("Root")?));
        named
            .filter(|catalogue| catalogue.get("Pages").is_some())
            .or_else(|| self.dictionary(&Object::Reference(self.catalogue?)))
    }

    /// What the file says of its title and author.
    pub(super) fn information(&self) -> Option<Dictionary> {
        self.trailers.iter().find_map(|trailer| self.dictionary(trailer.get("Info")?))
    }

    /// The numbers of all objects.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.places.keys().copied()
    }

    /// The object behind a reference, or the object itself.
    pub(super) fn resolve(&self, object: &Object) -> Object {
        let mut current = object.clone();
        for _ in 0..HOPS {
            let Object::Reference(number) = current else { return current };
            let Some(place) = self.places.get(&number) else { return Object::Null };
            let next = match place.within {
                None => self.read(Reader::of_file(self.bytes, place.position)),
                Some((stream, position)) => {
                    self.streams.get(stream).and_then(|bytes| self.read(Reader::of_file(bytes, position)))
                }
            };
            current = next.map_or(Object::Null, |(object, _)| object);
        }
        Object::Null
    }

    /// Reads an object while there is work left; gives back where it ends.
    fn read<'b>(&self, mut reader: Reader<'b>) -> Option<(Object, Reader<'b>)> {
        // Before anything is read: what is refused afterwards has cost its time.
        let left = self.work.get().checked_sub(HOPS)?;
        let start = reader.position;
        let object = reader.object();
        self.work.set(left.saturating_sub(reader.position - start));
        Some((object?, reader))
    }

    /// A dictionary, or that of a stream.
    pub(super) fn dictionary(&self, object: &Object) -> Option<Dictionary> {
        if let Object::Dictionary(dictionary) = self.resolve(object) { Some(dictionary) } else { None }
    }

    /// A value of a dictionary, resolved.
    pub(super) fn value(&self, dictionary: &Dictionary, name: &str) -> Object {
        dictionary.get(name).map_or(Object::Null, |value| self.resolve(value))
    }

    /// The stream that a reference leads to.
    pub(super) fn stream(&self, object: &Object) -> Option<Stream<'a>> {
        let mut current = object.clone();
        for _ in 0..HOPS {
            let Object::Reference(number) = current else { return None };
            let place = self.places.get(&number)?;
            if place.within.is_none()
                && let Some((stream, _)) = self.stream_at(place.position)
            {
                return Some(stream);
            }
            current = match self.resolve(&Object::Reference(number)) {
                next @ Object::Reference(_) => next,
                _ => return None,
            };
        }
        None
    }

    /// Unpacks a stream.
    pub(super) fn unpack(&mut self, stream: &Stream<'_>) -> Option<Vec<u8>> {
        let names = match self.value(&stream.dictionary, "Filter") {
            Object::Array(names) => names,
            Object::Null => Vec::new(),
            name => vec![name],
        };
        let settings = match self.value(&stream.dictionary, "DecodeParms") {
            Object::Array(settings) => settings,
            settings => vec![settings],
        };
        let filters = names
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let settings =
                    settings.get(index).and_then(|settings| self.dictionary(settings)).unwrap_or_default();
                Some((self.resolve(name).name()?.to_owned(), settings))
            })
            .collect::<Option<Vec<_>>>()?;
        filters::unpack(stream.data, &filters, &mut self.left)
    }

    /// The stream whose object starts here, and where it ends.
    fn stream_at(&self, position: usize) -> Option<(Stream<'a>, usize)> {
        let (Object::Dictionary(dictionary), mut after) = self.read(Reader::of_file(self.bytes, position))?
        else {
            return None;
        };
        if !after.object()?.is_word(b"stream") {
            return None;
        }
        let mut start = after.position;
        if self.bytes.get(start) == Some(&b'\r') {
            start += 1;
        }
        if self.bytes.get(start) == Some(&b'\n') {
            start += 1;
        }
        let rest = self.bytes.get(start..)?;
        let length = match dictionary.get("Length") {
            Some(Object::Number(length)) if *length >= 0.0 => Some(*length as usize),
            _ => None,
        };
        // The length is believed where the stream ends there.
        let said = length.filter(|&length| {
            rest.get(length..).is_some_and(|tail| {
                let spaces = tail.iter().take(4).take_while(|&&byte| is_space(byte)).count();
                tail.get(spaces..).is_some_and(|tail| tail.starts_with(b"endstream"))
            })
        });
        let length = said.or_else(|| memmem::find(rest, b"endstream")).unwrap_or(rest.len());
        Some((Stream { dictionary, data: rest.get(..length)? }, start + length))
    }

    /// Takes in the objects of a stream of objects.
    fn unpack_objects(&mut self, position: usize, stream: &Stream<'_>) {
        let number =
            |name: &str| stream.dictionary.get(name).and_then(Object::number).filter(|number| *number >= 0.0);
        let (Some(count), Some(first)) = (number("N"), number("First")) else { return };
        let Some(bytes) = self.unpack(stream) else { return };
        let index = self.streams.len();
        let mut reader =
            Reader::of_content(bytes.get(..(first as usize).min(bytes.len())).unwrap_or_default());
        for _ in 0..(count as usize).min(bytes.len()) {
            let (Some(Object::Number(number)), Some(Object::Number(offset))) =
                (reader.object(), reader.object())
            else {
                break;
            };
            if number < 0.0 || offset < 0.0 {
                continue;
            }
            let place = Place { position, within: Some((index, first as usize + offset as usize)) };
            let known = self.places.entry(number as u32).or_insert(place);
            if known.position < position {
                *known = place;
            }
            if let Some(Object::Dictionary(dictionary)) =
                Reader::of_file(&bytes, first as usize + offset as usize).object()
                && dictionary.get("Type").and_then(Object::name) == Some("Catalog")
            {
                self.catalogue = Some(number as u32);
            }
        }
        self.streams.push(bytes);
    }
}

/// The number of the object whose `obj` stands here: `12 0 obj`.
fn number_before(bytes: &[u8], position: usize) -> Option<u32> {
    let before = bytes.get(position.saturating_sub(24)..position)?;
    let before = before.trim_ascii_end();
    let generation = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = before.get(..before.len() - generation)?;
    let trimmed = before.trim_ascii_end();
    let digits = trimmed.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    if generation == 0 || digits == 0 || trimmed.len() == before.len() {
        return None;
    }
    std::str::from_utf8(trimmed.get(trimmed.len() - digits..)?).ok()?.parse().ok()
}
