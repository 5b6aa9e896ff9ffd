#!/usr/bin/env node
// The two bins `plinth` and `supabase`.
