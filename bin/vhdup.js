#!/usr/bin/env node
import '../dist/program/vhdup.js';
