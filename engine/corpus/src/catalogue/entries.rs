//! The catalogue itself.
//!
//! Where the numbers come from: files in GitHub repositories were read at the commit that their address names, and measured. Of
//! files on Hugging Face, length and SHA-256 are those of the Git LFS pointer at the revision that the address names, as several
//! projects independently record them. The Stanford Alpaca file is too large for the copy at hand: its SHA-256 is the one that
//! several projects record for this commit, its length the one that is shown for people.

use std::borrow::Cow::Borrowed;

use super::{Entry, Length};

/// What every book of Project Gutenberg here needs saying.
const GUTENBERG: &str = "In the public domain in the United States; the file begins and ends with Project Gutenberg's own text, whose licence \
applies while its name stands in it.";

/// The corpora, the smallest of a kind first.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: Borrowed("tiny-shakespeare"),
        title: Borrowed("Tiny Shakespeare"),
        sentence: Borrowed(
            "Forty thousand lines of Shakespeare's plays in one file, on which character models are traditionally tried first.",
        ),
        address: Borrowed(
            "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
        ),
        file: Borrowed("tiny-shakespeare.txt"),
        format: Borrowed("plain text"),
        length: Length::Exact(1_115_394),
        sha256: Borrowed("86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"),
        licence: Borrowed("public domain"),
        note: Borrowed(
            "The plays are in the public domain; the repository that holds this selection is MIT.",
        ),
    },
    Entry {
        name: Borrowed("tiny-stories-small"),
        title: Borrowed("TinyStories, validation part"),
        sentence: Borrowed(
            "Some 27,600 short stories in words that a small child knows, written by GPT-4: enough for a first try.",
        ),
        address: Borrowed(
            "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/f54c09fd23315a6f9c86f9dc80f725de7d8f9c64/TinyStoriesV2-GPT4-valid.txt",
        ),
        file: Borrowed("tiny-stories-small.txt"),
        format: Borrowed("plain text, a line <|endoftext|> between stories"),
        length: Length::Exact(22_502_601),
        sha256: Borrowed("6874bae9a4c1a4e7edcf0e53b86c17817e9cf881fc75ff2368da457b80c0585d"),
        licence: Borrowed("CDLA-Sharing-1.0"),
        note: Borrowed("What is held out from tiny-stories: train on this, and measure elsewhere."),
    },
    Entry {
        name: Borrowed("tiny-stories"),
        title: Borrowed("TinyStories"),
        sentence: Borrowed(
            "Some 2.7 million short stories in words that a small child knows, written by GPT-4 (Eldan and Li, 2023).",
        ),
        address: Borrowed(
            "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/f54c09fd23315a6f9c86f9dc80f725de7d8f9c64/TinyStoriesV2-GPT4-train.txt",
        ),
        file: Borrowed("tiny-stories.txt"),
        format: Borrowed("plain text, a line <|endoftext|> between stories"),
        length: Length::Exact(2_227_753_162),
        sha256: Borrowed("6418d412de72888f52b5142c761ac21a582f7d1166f0bfbdb5f03ccfdec90443"),
        licence: Borrowed("CDLA-Sharing-1.0"),
        note: Borrowed(""),
    },
    Entry {
        name: Borrowed("wikitext-2"),
        title: Borrowed("WikiText-2, raw training part"),
        sentence: Borrowed(
            "Some 600 good articles of the English Wikipedia, on which language models have long been compared (Merity et al., 2016).",
        ),
        address: Borrowed(
            "https://huggingface.co/datasets/Salesforce/wikitext/resolve/b08601e04326c79dfdd32d625aee71d232d685c3/wikitext-2-raw-v1/train-00000-of-00001.parquet",
        ),
        file: Borrowed("wikitext-2.parquet"),
        format: Borrowed("Parquet, column text"),
        length: Length::Exact(6_357_543),
        sha256: Borrowed("e83889baabc497075506f91975be5fac0d45c5290b6b20582c8cd1e853d0c9f7"),
        licence: Borrowed("CC-BY-SA-3.0"),
        note: Borrowed("A row is a line of an article, headings between = signs."),
    },
    Entry {
        name: Borrowed("simple-wikipedia"),
        title: Borrowed("Simple English Wikipedia, 1 November 2023"),
        sentence: Borrowed(
            "The 241,787 articles of the Wikipedia in simple English, as plain text made of the dump of that day by Wikimedia.",
        ),
        address: Borrowed(
            "https://huggingface.co/datasets/wikimedia/wikipedia/resolve/cf26be8eef6bc935da5d2281be5aad4813e49e90/20231101.simple/train-00000-of-00001.parquet",
        ),
        file: Borrowed("simple-wikipedia.parquet"),
        format: Borrowed("Parquet, columns id, url, title, text"),
        length: Length::Exact(156_885_218),
        sha256: Borrowed("31bded16768a47c286becd292079122f5d7d4397a17b87d4250a00ccd581e6f0"),
        licence: Borrowed("CC-BY-SA-4.0"),
        note: Borrowed(
            "The page of this dataset still names CC-BY-SA-3.0 with the GFDL, under which the articles stood until June 2023.",
        ),
    },
    Entry {
        name: Borrowed("alice-in-wonderland"),
        title: Borrowed("Alice's Adventures in Wonderland, by Lewis Carroll"),
        sentence: Borrowed("The novel of 1865 in Project Gutenberg's edition 11."),
        address: Borrowed(
            "https://raw.githubusercontent.com/GITenberg/Alice-s-Adventures-in-Wonderland_11/7f18748e114b994d5d9454d5793581bc0b9cf9d7/11-0.txt",
        ),
        file: Borrowed("alice-in-wonderland.txt"),
        format: Borrowed("plain text"),
        length: Length::Exact(173_595),
        sha256: Borrowed("49a0b2726606e1290ac03a63978fa1dd1bd38a8d805704d98265f393533ea094"),
        licence: Borrowed("public domain"),
        note: Borrowed(GUTENBERG),
    },
    Entry {
        name: Borrowed("frankenstein"),
        title: Borrowed("Frankenstein, by Mary Wollstonecraft Shelley"),
        sentence: Borrowed("The novel of 1818 in Project Gutenberg's edition 84."),
        address: Borrowed(
            "https://raw.githubusercontent.com/GITenberg/Frankenstein_84/c98a483bd1f34e7366126b81bcedd1a6faee636e/84-0.txt",
        ),
        file: Borrowed("frankenstein.txt"),
        format: Borrowed("plain text"),
        length: Length::Exact(450_783),
        sha256: Borrowed("c29a4f56dd91aa894a3f17d5f96b356ccb499e3e2c5a27964de911845e39efab"),
        licence: Borrowed("public domain"),
        note: Borrowed(GUTENBERG),
    },
    Entry {
        name: Borrowed("pride-and-prejudice"),
        title: Borrowed("Pride and Prejudice, by Jane Austen"),
        sentence: Borrowed("The novel of 1813 in Project Gutenberg's edition 1342."),
        address: Borrowed(
            "https://raw.githubusercontent.com/GITenberg/Pride-and-Prejudice_1342/81db45c9c48c592f0b77f01fc59e677ad0a5634e/1342-0.txt",
        ),
        file: Borrowed("pride-and-prejudice.txt"),
        format: Borrowed("plain text"),
        length: Length::Exact(724_725),
        sha256: Borrowed("48e0522844402a86a3ea98f0947ba85ea54838db3c59022299298ed968a5a163"),
        licence: Borrowed("public domain"),
        note: Borrowed(GUTENBERG),
    },
    Entry {
        name: Borrowed("moby-dick"),
        title: Borrowed("Moby-Dick, by Herman Melville"),
        sentence: Borrowed("The novel of 1851 in Project Gutenberg's edition 2701."),
        address: Borrowed(
            "https://raw.githubusercontent.com/GITenberg/Moby-Dick--Or-The-Whale_2701/bdf1948e6cd00963730971e5624e764a35f238c3/2701-0.txt",
        ),
        file: Borrowed("moby-dick.txt"),
        format: Borrowed("plain text"),
        length: Length::Exact(1_276_201),
        sha256: Borrowed("baf9b04fcf6e0008f30eaaa6697277751448c1070b20175e0082f28cbb161fd3"),
        licence: Borrowed("public domain"),
        note: Borrowed(GUTENBERG),
    },
    Entry {
        name: Borrowed("alpaca"),
        title: Borrowed("Stanford Alpaca"),
        sentence: Borrowed(
            "52,002 instructions with answers, written by a model of OpenAI, for teaching a trained model to follow instructions.",
        ),
        address: Borrowed(
            "https://raw.githubusercontent.com/tatsu-lab/stanford_alpaca/761dc5bfbdeeffa89b8bff5d038781a4055f796a/alpaca_data.json",
        ),
        file: Borrowed("alpaca.json"),
        format: Borrowed("JSON, fields instruction, input, output"),
        length: Length::About(22_800_000),
        sha256: Borrowed("2eddafc6b977608d778aaab8dfc7e50e547b3af9826dfb9e909d9fc362e4a419"),
        licence: Borrowed("CC-BY-NC-4.0"),
        note: Borrowed("For research: no commercial use."),
    },
    Entry {
        name: Borrowed("sms-spam"),
        title: Borrowed("SMS Spam Collection"),
        sentence: Borrowed(
            "5,574 short messages in English, each with the word ham or spam (Almeida, Hidalgo and Yamakami, 2011).",
        ),
        address: Borrowed(
            "https://raw.githubusercontent.com/justmarkham/pycon-2016-tutorial/5339710562cc46c4a32a369d63f1e8751a18a54e/data/sms.tsv",
        ),
        file: Borrowed("sms-spam.tsv"),
        format: Borrowed("tab-separated, without headings: label, message"),
        length: Length::Exact(477_907),
        sha256: Borrowed("7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d"),
        licence: Borrowed("CC-BY-4.0"),
        note: Borrowed("A copy of the file of the UCI Machine Learning Repository, whose licence is named."),
    },
];
