-- KEYS: the family. ARGV: now.
end_record(KEYS[1], tonumber(ARGV[1]))
return answer('done')
