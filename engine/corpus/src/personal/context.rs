//! Interprets the words before a number: the same ten digits are a telephone number after `call` but not after `order`.

use super::bytes::{at, before, between};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    Phone,
    Card,
    Address,
    Version,
    /// Another kind of number: an order, an ISBN, a page.
    Other,
}

/// Maximum distance of a word in bytes.
const REACH: usize = 56;
const WORDS: usize = 6;

/// The hint of the nearest informative word before `start`, on its line and in its sentence.
pub(super) fn hint(bytes: &[u8], start: usize) -> Option<Hint> {
    let floor = start.saturating_sub(REACH);
    let mut end = start;
    let mut within = false;
    for _ in 0..WORDS {
        // Right before the number a full stop may end an abbreviation, as in `Tel. 555`; further back it ends a sentence.
        let mut stopped = false;
        while end > floor && !is_letter(before(bytes, end)) {
            match before(bytes, end) {
                b'\n' => return None,
                b'#' => return Some(Hint::Other),
                b'.' | b'!' | b'?' | b';' if at(bytes, end).is_ascii_whitespace() => stopped = true,
                _ => {}
            }
            end -= 1;
        }
        if stopped && within {
            return None;
        }
        let mut begin = end;
        while begin > floor && is_letter(before(bytes, begin)) {
            begin -= 1;
        }
        if begin == end {
            return None;
        }
        let written = between(bytes, begin, end);
        let hint = meaning(written);
        let number = [b"no".as_slice(), b"nr", b"num"].iter().any(|word| written.eq_ignore_ascii_case(word));
        if hint.is_some() || (stopped && !number) {
            return hint;
        }
        within |= !number;
        end = begin;
    }
    None
}

/// Non-ASCII letters belong to words too.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

fn meaning(word: &[u8]) -> Option<Hint> {
    let mut small = [0; 16];
    let small = small.get_mut(..word.len())?;
    small.copy_from_slice(word);
    small.make_ascii_lowercase();
    let word = std::str::from_utf8(small).ok()?;
    Some(match word {
        "phone" | "telephone" | "tel" | "tél" | "téléphone" | "telefon" | "teléfono" | "telefono"
        | "telefone" | "telefoon" | "phones" | "call" | "calling" | "called" | "fax" | "mobile" | "mobil"
        | "handy" | "cell" | "cellphone" | "whatsapp" | "sms" | "hotline" | "dial" | "helpline"
        | "landline" | "ring" | "voicemail" | "ph" | "pager" | "móvil" | "portable" | "signal" | "viber" => {
            Hint::Phone
        }
        "card" | "cards" | "visa" | "mastercard" | "amex" | "discover" | "maestro" | "credit" | "debit"
        | "carte" | "karte" | "kreditkarte" | "tarjeta" | "cc" | "pan" => Hint::Card,
        "ip" | "ips" | "ipv" | "host" | "server" | "address" | "addr" | "dns" | "ping" | "resolver"
        | "gateway" | "client" | "remote" | "peer" | "ssh" | "node" => Hint::Address,
        "version" | "versions" | "ver" | "v" | "release" | "released" | "build" | "firmware" | "section"
        | "sections" | "sec" | "chapter" | "clause" | "article" | "paragraph" | "para" | "appendix"
        | "revision" | "rev" | "upgrade" | "upgraded" | "update" | "updated" | "downgrade" | "downgraded"
        | "patch" | "driver" | "software" | "kernel" | "package" | "library" | "heading" | "item"
        | "step" | "requirement" | "oid" | "figure" | "fig" | "table" | "subsection" | "assembly"
        | "fileversion" | "changelog" => Hint::Version,
        "isbn" | "issn" | "order" | "orders" | "invoice" | "invoices" | "sku" | "serial" | "ticket"
        | "case" | "part" | "model" | "page" | "pages" | "pp" | "art" | "item_id" | "tracking" | "doi"
        | "arxiv" | "patent" | "ean" | "upc" | "gtin" | "pmid" | "bug" | "issue" | "id" | "ids" | "ref"
        | "reference" | "barcode" | "lot" | "batch" | "shipment" | "parcel" | "receipt" | "transaction"
        | "product" | "catalog" | "catalogue" | "code" | "zip" | "postcode" | "coordinates" | "latitude"
        | "longitude" | "lat" | "lon" | "lng" | "imei" | "timestamp" | "date" | "dated" | "population"
        | "bestellnummer" | "rechnung" | "commande" | "pedido" | "license" | "licence" | "plate" | "oclc"
        | "lccn" | "asin" | "docket" | "checksum" | "hash" | "size" | "score" | "seed" => Hint::Other,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Hint, hint};

    #[test]
    fn the_nearest_word_that_says_something_decides() {
        let says = |text: &str| hint(text.as_bytes(), text.len());
        assert_eq!(says("order by phone: "), Some(Hint::Phone));
        assert_eq!(says("phone your order number "), Some(Hint::Other));
        assert_eq!(says("version\n"), None);
        assert_eq!(says("Tél. : "), Some(Hint::Phone));
        assert_eq!(says("Order 17. Then we left. "), None);
        assert_eq!(says("Tel. No. "), Some(Hint::Phone));
        assert_eq!(says(""), None);
        assert_eq!(says("a call that lies more than six short words before it "), None);
    }
}
