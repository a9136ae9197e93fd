#!/usr/bin/env node
import '../dist/vhdup.js';
