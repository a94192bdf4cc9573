-- KEYS: the family. ARGV: now.
free_to_write()
end_record(KEYS[1], tonumber(ARGV[1]))
return answer('done')
