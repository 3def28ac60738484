# SPDX-License-Identifier: Apache-2.0
"""The text files of the file-type suite, by the kind that they are."""

from __future__ import annotations

TEXTS = {
    "txt": """The market opens at nine.
Buyers come with baskets, and sellers have the first fruit of the year on their tables.
Nobody is in a hurry. At noon the bell rings, the tables are cleared, and those who have
not sold everything take the rest home with them. A week later it is the same, only the
fruit is riper and the prices are lower.
""",
    "c": """#include <stdio.h>
#include <stdlib.h>

static int add(int a, int b) {
    return a + b;
}

int main(int argc, char **argv) {
    int sum = 0;
    for (int i = 1; i < argc; i++) {
        sum = add(sum, atoi(argv[i]));
    }
    printf("%d\\n", sum);
    return 0;
}
""",
    "rust": """use std::collections::HashMap;

#[derive(Debug, Clone)]
struct Job {
    id: u64,
    price: u64,
}

impl Job {
    fn new(id: u64, price: u64) -> Self {
        Job { id, price }
    }
}

fn main() {
    let mut jobs: HashMap<u64, Job> = HashMap::new();
    jobs.insert(1, Job::new(1, 10));
    for (id, job) in &jobs {
        println!("{}: {:?}", id, job);
    }
}
""",
    "go": """package main

import (
	"fmt"
	"os"
	"strconv"
)

func sum(values []string) (int, error) {
	total := 0
	for _, value := range values {
		n, err := strconv.Atoi(value)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func main() {
	total, err := sum(os.Args[1:])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(total)
}
""",
    "java": """package market;

import java.util.ArrayList;
import java.util.List;

public class Jobs {
    private final List<String> names = new ArrayList<>();

    public void add(String name) {
        names.add(name);
    }

    public static void main(String[] args) {
        Jobs jobs = new Jobs();
        for (String arg : args) {
            jobs.add(arg);
        }
        System.out.println(jobs.names.size());
    }
}
""",
    "javascript": """'use strict';

const fs = require('fs');

function count(path) {
  const text = fs.readFileSync(path, 'utf8');
  return text.split('\\n').filter((line) => line.trim() !== '').length;
}

module.exports = { count };

if (require.main === module) {
  for (const path of process.argv.slice(2)) {
    console.log(path, count(path));
  }
}
""",
    "html": """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Jobs</title>
</head>
<body>
  <h1>Jobs</h1>
  <ul>
    <li><a href="/jobs/1">The first one</a></li>
    <li><a href="/jobs/2">The second one</a></li>
  </ul>
</body>
</html>
""",
    "css": """body {
  margin: 0;
  font-family: sans-serif;
  color: #222;
}

.job > .price {
  display: inline-block;
  padding: 0.2em 0.5em;
  border-radius: 3px;
  background: #eee;
}

@media (max-width: 600px) {
  .job { display: block; }
}
""",
    "json": """{
  "jobs": [
    {"id": 1, "model": "digits", "price": 10, "tags": ["small", "fast"]},
    {"id": 2, "model": "magika", "price": 20, "tags": []}
  ],
  "next": null,
  "complete": true
}
""",
    "xml": """<?xml version="1.0" encoding="UTF-8"?>
<jobs>
  <job id="1">
    <model>digits</model>
    <price unit="gwei">10</price>
  </job>
  <job id="2">
    <model>magika</model>
    <price unit="gwei">20</price>
  </job>
</jobs>
""",
    "svg": """<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80" viewBox="0 0 120 80">
  <rect x="10" y="10" width="100" height="60" fill="#eeeeee" stroke="black"/>
  <circle cx="60" cy="40" r="20" fill="red"/>
  <path d="M 10 70 L 60 20 L 110 70 Z" fill="none" stroke="blue" stroke-width="2"/>
</svg>
""",
    "yaml": """version: 2
jobs:
  - name: test
    runs-on: linux
    steps:
      - run: make setup
      - run: make test
  - name: lint
    needs: [test]
    steps:
      - run: make lint
""",
    "ini": """[chain]
rpc_url = http://127.0.0.1:8545
chain_id = 31337

[worker]
listen_port = 8701
models = digits, magika

[log]
level = info
""",
    "toml": """[project]
name = "market"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = [
  "httpx>=0.27",
  "pydantic>=2",
]

[project.scripts]
market = "market.cli:main"

[tool.ruff]
line-length = 100
""",
    "sql": """CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    model VARCHAR(64) NOT NULL,
    price BIGINT NOT NULL
);

INSERT INTO jobs (id, model, price) VALUES (1, 'digits', 10);
INSERT INTO jobs (id, model, price) VALUES (2, 'magika', 20);

SELECT model, SUM(price) AS total
FROM jobs
WHERE price > 5
GROUP BY model
ORDER BY total DESC;
""",
    "markdown": """# The market

A place where *operators* run models and **requesters** pay for answers.

## How to begin

1. Install it: `pip install market`
2. Start a chain
3. Post a job

| method | cost |
|---|---|
| none | low |
| zkml | high |

See [the protocol](protocol.md) for more.
""",
    "dockerfile": """FROM python:3.11-slim

WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt

COPY . .
EXPOSE 8701
USER nobody
ENTRYPOINT ["python", "-m", "market"]
""",
    "makefile": """.PHONY: all test clean

CC := gcc
OBJECTS := main.o jobs.o

all: market

market: $(OBJECTS)
	$(CC) -o $@ $^

%.o: %.c
	$(CC) -c $< -o $@

test: market
	./market --self-test

clean:
	rm -f market $(OBJECTS)
""",
    "ruby": """require 'json'

class Job
  attr_reader :id, :price

  def initialize(id, price)
    @id = id
    @price = price
  end

  def to_h
    { id: @id, price: @price }
  end
end

jobs = [Job.new(1, 10), Job.new(2, 20)]
jobs.each do |job|
  puts job.to_h.to_json
end
""",
    "php": """<?php

namespace Market;

class Job
{
    private int $price;

    public function __construct(int $price)
    {
        $this->price = $price;
    }

    public function price(): int
    {
        return $this->price;
    }
}

$job = new Job(10);
echo $job->price() . "\\n";
""",
    "diff": """diff --git a/jobs.py b/jobs.py
index 83db48f..bf2a1c1 100644
--- a/jobs.py
+++ b/jobs.py
@@ -1,6 +1,7 @@
 import sys
 
 
 def total(prices):
-    return sum(prices)
+    fee = 1
+    return sum(prices) + fee
 
""",
    "latex": """\\documentclass{article}
\\usepackage{amsmath}
\\title{Weighted draws}
\\author{A market}
\\begin{document}
\\maketitle
\\section{Keys}
For a weight $w_i$ and a number $u_i$ the key is
\\begin{equation}
  k_i = -\\frac{\\ln u_i}{w_i}.
\\end{equation}
The smallest keys win.
\\end{document}
""",
    "pem": """-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIUQm9ndXMgY2VydGlmaWNhdGUgb2YgYSB0ZXN0MAoGCCqG
SM49BAMCMBMxETAPBgNVBAMMCG1hcmtldC0xMB4XDTI0MDEwMTAwMDAwMFoXDTM0
MDEwMTAwMDAwMFowEzERMA8GA1UEAwwIbWFya2V0LTEwWTATBgcqhkjOPQIBBggq
hkjOPQMBBwNCAAQxmZ3kq0u8vC1hY1l4dW9yZXNhbXBsZWRhdGFvZmFrZXlvbmx5
-----END CERTIFICATE-----
""",
}
